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
    objects_url: str = Field(
        pattern="^[a-z0-9]+://",
        description="Where documents over 512 KiB wait, sealed: file:///folder, s3://bucket/prefix, gs://…, abfs://….",
    )
    objects_endpoint: str = Field(
        default="", pattern="^(https://.+)?$", description="Where S3 is when it is not Amazon's; with s3:// only."
    )
    objects_region: str = Field(default="", description="Region of the bucket.")
    objects_ca_file: Path | None = Field(default=None, description="Authority of that endpoint's certificate.")
    objects_credentials_file: Path | None = Field(
        default=None, description="Two lines: access key id, secret. Without it, S3 finds the process's own identity."
    )
    tenants_file: Path = Field(description="policies/tenants.yaml: the tenants and how large their documents may be.")
    quarantine_hours: int = Field(
        default=336,
        ge=1,
        le=700,
        description="After this long, a held document is rejected.",
    )
