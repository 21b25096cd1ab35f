"""Settings of the embedding service, `STAITHE_EMBEDDING_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import LineageSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings


class EmbeddingSettings(ServiceSettings, LineageSettings, KeyServiceSettings):
    """Settings `STAITHE_EMBEDDING_…`."""

    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
    model_cache_dir: Path = Field(description="Folder below which the prepared model lies; its hashes are verified.")
    concurrency: int = Field(default=2, ge=1, le=64, description="Documents embedded at once: one per core.")
