"""staithe.stack: the local stack: broker, registry, Milvus, keys and the supervisor."""
