"""Settings of the ingestion service, `STAITHE_INGESTION_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import HttpsSettings, LineageSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings


class IngestionSettings(ServiceSettings, HttpsSettings, LineageSettings, KeyServiceSettings):
    """Settings `STAITHE_INGESTION_…`."""

    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
    parser_children: int = Field(default=2, ge=1, le=16, description="Limited child processes that parse.")
    audit_key_file: Path = Field(description="At least 32 random bytes that stand for reviewers; keep them.")
    quarantine_hours: int = Field(
        default=336,
        ge=1,
        le=700,
        description="After this long, a held document is rejected.",
    )
