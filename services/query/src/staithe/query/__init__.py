"""staithe.query: search and answer with citations, inside the caller's tenant and tier."""
