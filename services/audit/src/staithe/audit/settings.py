"""Settings of the audit service, `STAITHE_AUDIT_…`."""

from pathlib import Path

from pydantic import Field

from staithe.kernel.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """Settings `STAITHE_AUDIT_…`."""

    keyring_file: Path = Field(description="Keyring: seals `record` to the operator.")
    signing_key_file: Path = Field(description="Ed25519 seed that signs checkpoints.")
    log_dir: Path = Field(description="Folder of the log (tlog-tiles).")
    index_file: Path = Field(description="SQLite index of event ids; rebuilt from the log when it is gone.")
    vkey_file: Path = Field(description="Where to publish the log's verification key, one line.")
    https_host: str = Field(default="127.0.0.1", description="Address of the log's pages.")
    https_port: int = Field(ge=1, le=65535, description="Their port.")
    certificate_file: Path = Field(description="Their certificate, PEM.")
    private_key_file: Path = Field(description="Its key, PEM.")
    clients_ca_file: Path = Field(description="Authority of the readers' certificates.")
    origin: str = Field(description="The log's name, such as audit.example.com/staithe.")
