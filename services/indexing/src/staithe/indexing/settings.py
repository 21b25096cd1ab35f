"""Settings of the indexing service, `STAITHE_INDEXING_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import LineageSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings
from staithe.vectors.store.settings import MilvusSettings


class IndexingSettings(ServiceSettings, LineageSettings, MilvusSettings, KeyServiceSettings):
    """Settings `STAITHE_INDEXING_…`."""

    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
