"""`python -m staithe.embedding`: runs the service until SIGTERM."""

from staithe.embedding.app import SERVICE, build
from staithe.embedding.settings import EmbeddingSettings
from staithe.kernel.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, EmbeddingSettings, build))
