"""Structural probes: what can be read out of whole sentences, and compared with their trees."""
