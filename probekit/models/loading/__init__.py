"""Loading: what a checkpoint has, read with transformers and checked, one file each."""
