"""Settings of the sanitization service, `STAITHE_SANITIZATION_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import HttpsSettings, LineageSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings


class SanitizationSettings(ServiceSettings, HttpsSettings, LineageSettings, KeyServiceSettings):
    """Settings `STAITHE_SANITIZATION_…`."""

    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
    pseudonym_key_file: Path = Field(description="32 random bytes that pseudonyms, shifts and digests come from.")
    policy_file: Path = Field(description="The sanitization policy, policies/sanitization.yaml.")
