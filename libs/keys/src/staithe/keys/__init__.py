"""The key service: one random secret per document version, given out by purpose, destroyed at an erasure.

`staithe.keys.client` is what other rooms import; everything else runs in the key service's own process.
"""
