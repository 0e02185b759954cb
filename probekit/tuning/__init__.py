"""How a model is fine-tuned: what goes along with training."""
