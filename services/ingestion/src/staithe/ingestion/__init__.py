"""staithe.ingestion: parse, validate, hash and version what source systems publish."""
