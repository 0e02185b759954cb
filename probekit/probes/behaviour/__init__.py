"""Behaviour: what a language model itself finds likely, in the same tables as what probes read."""
