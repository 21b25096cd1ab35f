"""staithe.cli: the staithe command."""
