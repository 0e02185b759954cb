"""Saved probes: trained probes on their own, in memory and in files."""
