"""Settings of the sanitization service, `STAITHE_SANITIZATION_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import LineageSettings, ServiceSettings


class SanitizationSettings(ServiceSettings, LineageSettings):
    """Settings `STAITHE_SANITIZATION_…`."""

    keyring_file: Path = Field(description="Keyring: opens `document`, seals `quarantine` and `dead-letter`.")
    pseudonym_key_file: Path = Field(description="32 random bytes that pseudonyms, shifts and digests come from.")
    policy_file: Path = Field(description="The sanitization policy, policies/sanitization.yaml.")
