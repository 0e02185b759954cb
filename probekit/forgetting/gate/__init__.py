"""Gate: whether a fine-tuned checkpoint may ship, by limits that were chosen beforehand."""
