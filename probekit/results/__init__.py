"""Results: how tables and records are kept."""
