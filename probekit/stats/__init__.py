"""Statistics: what is chance. Pure numpy."""
