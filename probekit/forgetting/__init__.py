"""What fine-tuning changed: two checkpoints, the same questions, and whether a difference is real."""
