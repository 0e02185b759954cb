"""What can be read out: probes over hidden states, baselines beside them, and scores with
intervals."""
