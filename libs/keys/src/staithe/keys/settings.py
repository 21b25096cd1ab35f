"""Settings of the key service, `STAITHE_KEYS_…`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from staithe.kernel.settings import ServiceSettings


class KeysSettings(ServiceSettings):
    """What the key service needs beyond what every service has."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    https_host: str = Field(default="127.0.0.1", description="Address of the listener.")
    https_port: int = Field(ge=1, le=65535, description="Its port.")
    certificate_file: Path = Field(description="Its certificate, PEM.")
    private_key_file: Path = Field(description="Its key, PEM.")
    clients_ca_file: Path = Field(
        description="Authority of the clients' certificates; their common name says who asks."
    )
    store_file: Path = Field(description="SQLite file of wrapped secrets and tombstones. Back it up.")
    tenants_file: Path = Field(description="policies/tenants.yaml: tenants that get a key at start.")
    backend: Literal["file", "transit"] = Field(
        default="file", description="Where the tenants' keys are: `file`, or OpenBao's or Vault's `transit` engine."
    )
    tenant_keys_file: Path | None = Field(default=None, description="The file of `file`. Back it up, apart.")
    passphrase_file: Path | None = Field(default=None, description="Passphrase of that file, if it has one.")
    transit_url: str = Field(default="", description="Base URL of OpenBao or Vault.")
    transit_mount: str = Field(default="transit", description="Where the engine is mounted.")
    transit_ca_file: Path | None = Field(default=None, description="Authority of its certificate.")
    transit_role_id_file: Path | None = Field(default=None, description="AppRole role id.")
    transit_secret_id_file: Path | None = Field(default=None, description="AppRole secret id.")

    @model_validator(mode="after")
    def _complete(self) -> "KeysSettings":
        if self.backend == "file" and self.tenant_keys_file is None:
            raise ValueError("BACKEND file needs TENANT_KEYS_FILE")
        if self.backend == "transit":
            if not (self.transit_url and self.transit_role_id_file and self.transit_secret_id_file):
                raise ValueError("BACKEND transit needs TRANSIT_URL, TRANSIT_ROLE_ID_FILE and TRANSIT_SECRET_ID_FILE")
            if not self.transit_url.startswith("https://") or self.transit_ca_file is None:
                raise ValueError("TRANSIT_URL must be https, with TRANSIT_CA_FILE")
        return self
