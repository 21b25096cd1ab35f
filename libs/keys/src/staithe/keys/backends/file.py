"""Tenants' keys in one owner-only file, in clear or under a passphrase. The default; for one machine."""

import base64
import json
import secrets as random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable
from staithe.kernel.files import read_secret, write_secret
from staithe.keys.backends import Wrapped
from staithe.keys.envelope import SALT_BYTES, SECRET_BYTES, key_from_passphrase, new_secret, unwrap, wrap
from staithe.keys.limits import TENANTS_MAX

_VERSION: Final = 1
_PLACE: Final = b"staithe/tenant-keys/v1"
_Keys = dict[str, dict[int, bytes]]


class FileTenantKeys:
    """The file is replaced as a whole and synced before anything is wrapped under a new key in it."""

    def __init__(self, path: Path, passphrase: str | None = None) -> None:
        """Read the file, or begin a new one; raises ConfigurationError when it is not usable or opens otherwise."""
        self._path = path
        self._salt = random.token_bytes(SALT_BYTES) if passphrase is not None else b""
        self._lock: bytes | None = None
        stored = self._stored()
        if (stored is not None) and ("sealed" in stored) != (passphrase is not None):
            raise ConfigurationError(
                f"{path} is under a passphrase or is not: set STAITHE_KEYS_PASSPHRASE_FILE accordingly",
                reason_code="TENANT_KEYS_PASSPHRASE",
            )
        if passphrase is not None:
            if stored is not None:
                self._salt = self._decoded(stored, "salt")
            self._lock = key_from_passphrase(passphrase, self._salt)
        self._keys = self._opened(stored)

    def known(self, tenant_id: str) -> bool:
        return tenant_id in self._keys

    def ensure(self, tenant_id: str) -> bool:
        if tenant_id in self._keys:
            return False
        if len(self._keys) >= TENANTS_MAX:
            raise ConfigurationError(f"more than {TENANTS_MAX} tenants", reason_code="TENANTS_TOO_MANY")
        self._replace({**self._keys, tenant_id: {1: new_secret()}})
        return True

    def wrap(self, tenant_id: str, secrets: Sequence[tuple[bytes, bytes]]) -> list[Wrapped]:
        newest = self.newest(tenant_id)
        key = self._keys[tenant_id][newest]
        return [Wrapped(newest, wrap(key, secret, place)) for secret, place in secrets]

    def unwrap(self, tenant_id: str, wrapped: Sequence[tuple[Wrapped, bytes]]) -> list[bytes]:
        versions = self._keys.get(tenant_id, {})
        opened = []
        for each, place in wrapped:
            key = versions.get(each.tenant_key)
            if key is None:
                raise Integrity("this version of the tenant's key is destroyed", reason_code="TENANT_KEY_DESTROYED")
            opened.append(unwrap(key, each.blob, place))
        return opened

    def rotate(self, tenant_id: str) -> int:
        newest = self.newest(tenant_id) + 1
        self._replace({**self._keys, tenant_id: {**self._keys[tenant_id], newest: new_secret()}})
        return newest

    def newest(self, tenant_id: str) -> int:
        return max(self._keys[tenant_id])

    def destroy_before(self, tenant_id: str, tenant_key: int) -> None:
        kept = {version: key for version, key in self._keys[tenant_id].items() if version >= tenant_key}
        if kept != self._keys[tenant_id]:
            self._replace({**self._keys, tenant_id: kept})

    def _replace(self, keys: _Keys) -> None:
        tenants = {
            tenant: {str(version): base64.b64encode(key).decode() for version, key in versions.items()}
            for tenant, versions in keys.items()
        }
        stored: dict[str, Any] = {"version": _VERSION, "tenants": tenants}
        if self._lock is not None:
            sealed = wrap(self._lock, json.dumps(tenants).encode(), _PLACE)
            stored = {
                "version": _VERSION, "salt": base64.b64encode(self._salt).decode(),
                "sealed": base64.b64encode(sealed).decode(),
            }  # fmt: skip
        try:
            write_secret(self._path, json.dumps(stored, indent=1, sort_keys=True).encode())
        except OSError as error:
            raise Unavailable("the tenant keys cannot be written now", reason_code="TENANT_KEYS_UNWRITABLE") from error
        self._keys = keys

    def _stored(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        try:
            stored = json.loads(read_secret(self._path))
            if stored["version"] != _VERSION or ("tenants" in stored) == ("sealed" in stored):
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise self._malformed() from error
        return dict(stored)

    def _opened(self, stored: dict[str, Any] | None) -> _Keys:
        if stored is None:
            return {}
        tenants: dict[str, dict[str, str]] = stored.get("tenants", {})
        if self._lock is not None:
            try:
                tenants = json.loads(unwrap(self._lock, self._decoded(stored, "sealed"), _PLACE))
            except Integrity as error:
                raise ConfigurationError(
                    f"the passphrase does not open {self._path}", reason_code="TENANT_KEYS_PASSPHRASE"
                ) from error
        try:
            keys = {
                tenant: {int(version): base64.b64decode(key, validate=True) for version, key in versions.items()}
                for tenant, versions in tenants.items()
            }
            if not all(
                versions and all(len(k) == SECRET_BYTES for k in versions.values()) for versions in keys.values()
            ):
                raise ValueError
        except (ValueError, TypeError, AttributeError) as error:
            raise self._malformed() from error
        return keys

    def _decoded(self, stored: dict[str, Any], name: str) -> bytes:
        try:
            return base64.b64decode(stored[name], validate=True)
        except (ValueError, KeyError, TypeError) as error:
            raise self._malformed() from error

    def _malformed(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._path} holds no tenant keys; restore it from its backup", reason_code="TENANT_KEYS_MALFORMED"
        )
