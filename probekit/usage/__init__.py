"""Usage: does the model use what it encodes?"""
