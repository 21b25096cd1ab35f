"""staithe.embedding: chunk sanitized text and embed it with ONNX Runtime."""
