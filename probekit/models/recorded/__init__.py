"""Hidden states that another engine computed and wrote to a folder."""
