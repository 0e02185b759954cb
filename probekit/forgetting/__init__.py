"""What fine-tuning changed: checkpoints answer the same questions, and differences are tested."""
