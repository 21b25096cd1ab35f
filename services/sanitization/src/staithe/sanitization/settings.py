"""Settings of the sanitization service, `STAITHE_SANITIZATION_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import LineageSettings, ServiceSettings


class SanitizationSettings(ServiceSettings, LineageSettings):
    """Settings `STAITHE_SANITIZATION_…`."""

    keyring_file: Path = Field(description="Keyring: opens `document`, seals `quarantine` and `dead-letter`.")
