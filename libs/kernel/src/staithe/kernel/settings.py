"""Settings every service has, from the environment: `STAITHE_<SERVICE>_<NAME>`, secrets by file (`…_FILE`).

Unknown `STAITHE_<SERVICE>_…` names are refused, because a typo must fail at start.
"""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from staithe.kernel.errors import ConfigurationError


class ServiceSettings(BaseSettings):
    """What each service needs to meet the others in topics."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    replica: int = Field(default=0, ge=0, le=999, description="Slot of this replica; fixes its transactional id.")
    kafka_bootstrap: str = Field(description="host:port[,host:port] of the brokers' client listener.")
    kafka_password_file: Path = Field(description="File with the SCRAM password of this service's principal.")
    ca_file: Path = Field(description="PEM certificate of the authority that signed the listeners' certificates.")
    registry_url: str = Field(description="Base URL of the schema registry (Confluent API).")
    schemas_dir: Path = Field(description="Folder of the pinned schemas.")
    topology_file: Path = Field(description="topology.yaml.")
    health_host: str = Field(default="127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    health_port: int = Field(ge=1, le=65535)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class LineageSettings(BaseSettings):
    """What a stage needs to sign its own step and check those before it."""

    signing_key_file: Path = Field(description="File with the Ed25519 seed of this service.")
    trust_file: Path = Field(description="JSON: service name to base64 Ed25519 public key, for every stage.")


class HttpsSettings(BaseSettings):
    """What a service with an HTTPS listener needs."""

    https_host: str = Field(default="127.0.0.1")
    https_port: int = Field(ge=1, le=65535)
    certificate_file: Path
    private_key_file: Path
    issuer_url: str = Field(description="Issuer of bearer tokens (OpenID Connect discovery below it).")
    audience: str = Field(description="The `aud` a token must carry for this service.")
    callers_ca_file: Path | None = Field(
        default=None, description="Authority of the certificates that tokens may be bound to; callers may have none."
    )


Settings = TypeVar("Settings", bound=BaseSettings)


def load_settings(settings_class: type[Settings], service: str) -> Settings:
    """The settings of `service` from the environment; raises ConfigurationError that names each fault."""
    prefix = f"STAITHE_{service.upper()}_"
    known = {prefix + name.upper() for name in settings_class.model_fields}
    # Upper case, because pydantic reads the environment without regard to case.
    unknown = sorted(name for name in os.environ if name.upper().startswith(prefix) and name.upper() not in known)
    if unknown:
        raise ConfigurationError(
            f"unknown setting {unknown[0]}: remove it or correct its name", reason_code="SETTING_UNKNOWN"
        )
    try:
        return settings_class(_env_prefix=prefix)
    except ValidationError as error:
        faults = "; ".join(
            f"{prefix}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()
        )
        raise ConfigurationError(f"settings are not usable: {faults}", reason_code="SETTING_INVALID") from error
