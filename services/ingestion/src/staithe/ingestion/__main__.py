"""`python -m staithe.ingestion`: runs the service until SIGTERM."""

from staithe.ingestion.app import SERVICE, build
from staithe.ingestion.settings import IngestionSettings
from staithe.kernel.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE, IngestionSettings, build))
