"""Monitors: whether saved probes still read a checkpoint that has changed since."""
