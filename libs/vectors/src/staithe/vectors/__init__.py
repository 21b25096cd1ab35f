"""staithe.vectors: what writer and reader of the index must agree on: tokenizer, model, chunks, store."""
