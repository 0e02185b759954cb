"""Fine-tuning: forgetting measured during training."""
