"""Settings of the indexing service, `STAITHE_INDEXING_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import LineageSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings
from staithe.vectors.store.settings import MilvusSettings


class IndexingSettings(ServiceSettings, LineageSettings, MilvusSettings, KeyServiceSettings):
    """Settings `STAITHE_INDEXING_…`."""

    reconcile_minutes: float = Field(
        default=60.0, ge=0, le=10_080,
        description="Between two comparisons of the index with what is current, by replica 0; 0: only on SIGHUP.",
    )  # fmt: skip
    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
