"""Sealing: text that travels or rests is encrypted to the one room that may read it.

HPKE single-shot base mode (RFC 9180; DHKEM X25519, HKDF-SHA256, AES-256-GCM). A writer holds only public keys and
a reader only private ones, so no two rooms share a secret: a stolen writer cannot read what it wrote.
The context (purpose, tenant, document, version, part) is bound as `info`: a blob moved elsewhere does not open.
HPKE's base mode does not authenticate the sender; the lineage signatures do.

The first byte of a blob is its format. VERSION_KEY blobs name the key of one document version, 16 bytes; whoever
destroys that key makes all of them unreadable. KEYRING blobs are under a key that lives in a file.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent
from staithe.kernel.files import read_secret, write_secret

KEYRING: Final = b"\x01"
VERSION_KEY: Final = b"\x02"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
KEY_ID_BYTES: Final = 16
_HPKE_BYTES: Final = 32 + 16
KEYRING_OVERHEAD_BYTES: Final = 1 + _HPKE_BYTES
OVERHEAD_BYTES: Final = 1 + KEY_ID_BYTES + _HPKE_BYTES
"""How much longer a blob under a version's key is than its text."""
_KEY_BYTES: Final = 32

KeyTable = Mapping[str, Mapping[str, bytes]]
"""purpose → tenant → 32 raw key bytes."""


@dataclass(frozen=True, slots=True)
class SealContext:
    """What a blob is and where it belongs; the opener must name the same."""

    purpose: str
    tenant_id: str
    document_id: str
    document_version: int
    part: str = ""

    def info(self) -> bytes:
        """Length-prefixed fields, so that no two contexts have the same bytes."""
        fields = (
            "staithe/seal/v1",
            self.purpose,
            self.tenant_id,
            self.document_id,
            str(self.document_version),
            self.part,
        )
        encoded = [each.encode() for each in fields]
        return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)


class Sealer(Protocol):
    """Seals, with whatever keys it has or fetches; safe to call from several threads."""

    def seal(self, context: SealContext, plaintext: bytes) -> bytes:
        """The sealed blob.

        Raises InvalidEvent TENANT_UNKNOWN when the tenant is not set up, Erased when this version of the document
        was erased, and Unavailable when the key cannot be had now.
        """
        ...


class Opener(Protocol):
    """Opens what was sealed to its room; safe to call from several threads."""

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        """The plaintext.

        Raises Integrity when key, context or bytes are not those it was sealed with, Erased when its key was
        destroyed with the document, and Unavailable when the key cannot be had now.
        """
        ...

    def forget(self, tenant_id: str, document_id: str) -> None:
        """Drop what is in memory of the keys of a document that is being erased."""
        ...


@dataclass(frozen=True, slots=True)
class KeysNeeded:
    """What one event will have opened and sealed, so that the keys of a whole batch can be fetched at once."""

    opens: tuple[tuple[SealContext, bytes], ...] = ()
    seals: tuple[SealContext, ...] = ()


def seal_under(key_id: bytes, public_key: bytes, context: SealContext, plaintext: bytes) -> bytes:
    """`plaintext` under a version's key; OVERHEAD_BYTES longer."""
    key = X25519PublicKey.from_public_bytes(public_key)
    return VERSION_KEY + key_id + _SUITE.encrypt(plaintext, key, context.info())


def open_under(private_key: bytes, context: SealContext, sealed: bytes) -> bytes:
    """The plaintext of a blob that names `private_key`; raises Integrity when key, context or bytes are not its."""
    return _decrypt(X25519PrivateKey.from_private_bytes(private_key), context, sealed[1 + KEY_ID_BYTES :])


def key_id_of(sealed: bytes) -> bytes:
    """Which key opens a blob; raises Integrity when it names none."""
    if sealed[:1] != VERSION_KEY or len(sealed) < OVERHEAD_BYTES:
        raise Integrity("the blob names no key of a document", reason_code="SEAL_KEY_MISSING")
    return sealed[1 : 1 + KEY_ID_BYTES]


class KeyringSealer:
    """Seals to the public keys in a keyring file."""

    def __init__(self, keys: KeyTable) -> None:
        self._keys = {
            purpose: {tenant: X25519PublicKey.from_public_bytes(key) for tenant, key in tenants.items()}
            for purpose, tenants in keys.items()
        }

    @classmethod
    def from_file(cls, path: Path) -> "KeyringSealer":
        """The sealer of a keyring file's `seals` table; raises ConfigurationError when it is not usable."""
        return cls(_read_table(path, "seals"))

    def seal(self, context: SealContext, plaintext: bytes) -> bytes:
        """The sealed blob, KEYRING_OVERHEAD_BYTES longer; raises InvalidEvent when there is no key for the context."""
        key = self._keys.get(context.purpose, {}).get(context.tenant_id)
        if key is None:
            raise InvalidEvent(
                f"no sealing key for purpose {context.purpose} and this tenant; add the tenant first",
                reason_code="TENANT_UNKNOWN",
            )
        return KEYRING + _SUITE.encrypt(plaintext, key, context.info())


class KeyringOpener:
    """Opens with the private keys in a keyring file."""

    def __init__(self, keys: KeyTable) -> None:
        self._keys = {
            purpose: {tenant: X25519PrivateKey.from_private_bytes(key) for tenant, key in tenants.items()}
            for purpose, tenants in keys.items()
        }

    @classmethod
    def from_file(cls, path: Path) -> "KeyringOpener":
        """The opener of a keyring file's `opens` table; raises ConfigurationError when it is not usable."""
        return cls(_read_table(path, "opens"))

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        """The plaintext; raises Integrity when key, context or bytes are not those it was sealed with."""
        key = self._keys.get(context.purpose, {}).get(context.tenant_id)
        if key is None or sealed[:1] != KEYRING:
            raise Integrity("no key opens this blob", reason_code="SEAL_KEY_MISSING")
        return _decrypt(key, context, sealed[1:])

    def forget(self, tenant_id: str, document_id: str) -> None:
        """Nothing: these keys are of no document."""


def _decrypt(key: X25519PrivateKey, context: SealContext, encrypted: bytes) -> bytes:
    try:
        return _SUITE.decrypt(encrypted, key, context.info())
    except (InvalidTag, ValueError) as error:
        raise Integrity("sealed blob does not open in this context", reason_code="SEAL_BROKEN") from error


def generate_private_key() -> bytes:
    """A new X25519 private key as 32 raw bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """The public half of a raw X25519 private key."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def private_keys_in(path: Path) -> KeyTable:
    """The `opens` table of a keyring file; raises ConfigurationError when it is not usable."""
    return _read_table(path, "opens")


def write_keyring(path: Path, *, seals: KeyTable, opens: KeyTable) -> None:
    """Write a keyring file with mode 0600: public keys under `seals`, private ones under `opens`."""
    tables = {"seals": _encode_table(seals), "opens": _encode_table(opens)}
    write_secret(path, json.dumps({"version": 1, **tables}, indent=1, sort_keys=True).encode())


def _encode_table(table: KeyTable) -> dict[str, dict[str, str]]:
    return {
        purpose: {tenant: base64.b64encode(key).decode() for tenant, key in tenants.items()}
        for purpose, tenants in table.items()
    }


def _read_table(path: Path, name: str) -> KeyTable:
    try:
        keyring = json.loads(read_secret(path))
        if keyring["version"] != 1:
            raise ValueError
        table = {
            purpose: {tenant: base64.b64decode(key, validate=True) for tenant, key in tenants.items()}
            for purpose, tenants in keyring[name].items()
        }
        if any(len(key) != _KEY_BYTES for tenants in table.values() for key in tenants.values()):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no keyring", reason_code="KEYRING_MALFORMED") from error
    return table
