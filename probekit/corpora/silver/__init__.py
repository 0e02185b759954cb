"""Silver: annotation that a tagger predicted, as CoNLL-U."""
