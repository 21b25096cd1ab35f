"""staithe.indexing: keep Milvus equal to the newest permitted version of every document."""
