"""Places: folders of files, on a disk or behind a URL."""
