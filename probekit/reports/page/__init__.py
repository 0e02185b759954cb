"""Page: results of any verbs as one HTML file that needs no network."""
