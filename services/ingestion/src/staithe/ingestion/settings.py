"""Settings of the ingestion service, `STAITHE_INGESTION_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import HttpsSettings, LineageSettings, ServiceSettings


class IngestionSettings(ServiceSettings, HttpsSettings, LineageSettings):
    """Settings `STAITHE_INGESTION_…`."""

    keyring_file: Path = Field(description="Keyring: seals `document` and `dead-letter`.")
    parser_children: int = Field(default=2, ge=1, le=16, description="Limited child processes that parse.")
