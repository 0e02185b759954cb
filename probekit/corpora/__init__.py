"""What people annotated: corpora, the files that describe them, and the readers of their formats."""
