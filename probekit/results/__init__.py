"""Results: tables and records of runs, and how they are stored."""
