"""Replications: a paper's questions, asked again of data that is free."""
