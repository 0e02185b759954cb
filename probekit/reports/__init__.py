"""What it looks like: tables and pictures of scores."""
