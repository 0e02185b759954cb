"""What people annotated: corpora, the cards that describe them, and the readers of formats."""
