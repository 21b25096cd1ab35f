"""`python -m staithe.indexing`: runs the service until SIGTERM."""

from staithe.indexing.app import SERVICE, build
from staithe.indexing.settings import IndexingSettings
from staithe.kernel.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, IndexingSettings, build))
