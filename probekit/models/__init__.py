"""Models: what a name opens, and how it reads words."""
