"""Where the local stack keeps its state (`.staithe/`) and its caches, as names instead of joined strings."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from staithe.kernel.errors import ConfigurationError


@dataclass(frozen=True)
class StackPaths:
    """The `.staithe/` folder. Every folder is mode 0700, every file 0600; `make clean` may remove all of it."""

    root: Path

    @property
    def pki_services(self) -> Path:
        """Authority and certificates of every listener a client connects to."""
        return self.root / "pki" / "services"

    @property
    def pki_broker(self) -> Path:
        """Authority and certificate of the broker's internal and controller listeners, and of nothing else."""
        return self.root / "pki" / "broker"

    @property
    def pki_keys(self) -> Path:
        """Authority and certificates of the key service and its clients."""
        return self.root / "pki" / "keys"

    @property
    def keys(self) -> Path:
        """The key service's store and the tenants' keys."""
        return self.root / "keys"

    @property
    def pki_log(self) -> Path:
        """Authority and certificates of the audit log's pages and of their readers."""
        return self.root / "pki" / "log"

    @property
    def pki_milvus(self) -> Path:
        """Authority and certificates of the Milvus server and its clients."""
        return self.root / "pki" / "milvus"

    @property
    def services_authority(self) -> Path:
        """The certificate that clients of the broker, the registry and the HTTP services trust."""
        return self.pki_services / "ca.pem"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    def secrets_of(self, principal: str) -> Path:
        """The folder that only `principal` reads."""
        return self.secrets / principal

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def milvus(self) -> Path:
        return self.root / "milvus"

    @property
    def objects(self) -> Path:
        """Sealed content of large documents, until it is ingested."""
        return self.root / "objects"

    @property
    def audit(self) -> Path:
        return self.root / "audit"

    @property
    def audit_log(self) -> Path:
        return self.audit / "log"

    @property
    def audit_log_vkey(self) -> Path:
        return self.audit / "log.vkey"

    @property
    def witness(self) -> Path:
        """The witness's own folder; it makes it itself."""
        return self.root / "witness"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def log_of(self, process: str) -> Path:
        """Where `process` writes its standard output and errors."""
        return self.logs / f"{process}.log"

    @property
    def trust(self) -> Path:
        """Public material: lineage keys, JWKS."""
        return self.root / "trust"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder of the layout, parents first."""
        pki = self.root / "pki"
        return (
            self.root,
            pki,
            self.pki_services,
            self.pki_broker,
            self.pki_log,
            self.pki_milvus,
            self.pki_keys,
            self.keys,
            self.secrets,
            self.kafka,
            self.registry,
            self.milvus,
            self.objects,
            self.audit,
            self.audit_log,
            self.logs,
            self.trust,
        )


@dataclass(frozen=True)
class CachePaths:
    """Programs and derived files that many stacks share. Nothing in it is secret; all of it is verified on use."""

    root: Path

    @classmethod
    def of_user(cls, environment: dict[str, str]) -> "CachePaths":
        """`$XDG_CACHE_HOME/staithe`, or `~/.cache/staithe`; a relative value is ignored (XDG specification)."""
        configured = Path(environment.get("XDG_CACHE_HOME", ""))
        home = Path(environment.get("HOME", "~")).expanduser()
        return cls((configured if configured.is_absolute() else home / ".cache") / "staithe")

    @property
    def artifacts(self) -> Path:
        """Downloaded files, one folder per lock."""
        return self.root / "artifacts"

    @property
    def aot(self) -> Path:
        """Ahead-of-time caches of Java programs."""
        return self.root / "aot"


def prepare_stack(root: Path) -> StackPaths:
    """Make every folder of a stack under `root` and return the paths (absolute).

    Raises ConfigurationError when a folder belongs to somebody else, is open to others, is a link, or cannot be made.
    """
    paths = StackPaths(root.absolute())
    for folder in paths.folders:
        ensure_private_folder(folder)
    return paths


def ensure_private_folder(folder: Path) -> None:
    """Make `folder` (mode 0700) unless it is there; refuse one that others own or can open."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {folder} ({error.strerror}); choose a folder you may write to",
            reason_code="FOLDER_UNUSABLE",
        ) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ConfigurationError(
            f"{folder} must be a folder of your own, not a link; move it away and start again",
            reason_code="FOLDER_NOT_OWNED",
        )
    if status.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} is open to other users: run `chmod 700 {folder}`", reason_code="FOLDER_EXPOSED"
        )
