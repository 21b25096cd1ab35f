"""The console's files: a page, its style and its scripts, served as they are."""
