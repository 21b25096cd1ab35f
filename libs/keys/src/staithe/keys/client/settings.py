"""How a service reaches the key service."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


@dataclass(frozen=True, slots=True)
class KeyServiceAddress:
    """Where the key service is, whom to trust there, and who we are to it."""

    url: str
    ca_file: Path
    certificate_file: Path
    private_key_file: Path


class KeyServiceSettings(BaseSettings):
    """Address of the key service, and who we are to it."""

    keys_url: str = Field(pattern="^https://", description="Base URL of the key service.")
    keys_ca_file: Path = Field(description="Authority of its certificate.")
    keys_certificate_file: Path = Field(description="Our client certificate; its common name decides what we may ask.")
    keys_private_key_file: Path = Field(description="Its key.")

    def key_service(self) -> KeyServiceAddress:
        """The same as an address."""
        return KeyServiceAddress(
            self.keys_url, self.keys_ca_file, self.keys_certificate_file, self.keys_private_key_file
        )
