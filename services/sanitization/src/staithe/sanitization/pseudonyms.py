"""Stand-ins for values, stable within a tenant: reversible ones, one-way ones, and shifts of dates.

Reversible: AES-SIV (RFC 5297, AES-256) with tenant and entity as associated data: the same value has the same name
everywhere in a tenant, another one in the next tenant, and a name that was changed or moved to another kind of entity
opens to nothing. That equal values have equal names is the purpose; it also shows who occurs how often.
One-way: HMAC-SHA256 (RFC 2104), cut to 80 bits. Each tenant has keys of its own, made by HKDF (RFC 5869) from the one
secret of this service, which no other service holds.
"""

import base64
import re
import secrets as random
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import read_secret

SECRET_BYTES: Final = 32
KEYS_KEPT_MAX: Final = 1024
"""Four for a tenant; deriving one again takes microseconds."""

PSEUDONYM: Final = re.compile(r"\[([A-Z][A-Z0-9_]{1,63}):([a-z2-7]{26,16384})\]")
"""A reversible stand-in: entity, then Base32 (RFC 4648) in lower case without padding, 16 bytes or more."""

_DOMAIN: Final = b"staithe/pseudonym/v1"
_ONE_WAY_BYTES: Final = 10
"""80 bits: two of a million values in a tenant share a name with a probability below one in a trillion."""
_SHIFT_DAYS: Final = 182
"""Half a year either way: the season goes, the order and distance of one document's dates stay."""


class PseudonymKeys:
    """Makes and opens stand-ins; thread-safe."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> "PseudonymKeys":
        """The keys that come from the secret in `path`; raises ConfigurationError when it is not usable."""
        secret = read_secret(path)
        if len(secret) != SECRET_BYTES:
            raise ConfigurationError(
                f"{path} must hold {SECRET_BYTES} random bytes; restore it from backup: with another secret nothing "
                "that was pseudonymised before can be re-identified",
                reason_code="PSEUDONYM_KEY_MALFORMED",
            )
        return cls(secret)

    @classmethod
    def passing(cls) -> "PseudonymKeys":
        """Keys that nobody keeps: for trying things out; what they make is never opened again."""
        return cls(random.token_bytes(SECRET_BYTES))

    def reversible(self, tenant_id: str, entity: str, value: str) -> str:
        """`[ENTITY:name]`, the same for the same value everywhere in a tenant."""
        sealed = self._siv(tenant_id).encrypt(value.encode(), _bound_to(tenant_id, entity))
        return f"[{entity}:{_base32(sealed)}]"

    def reveal(self, tenant_id: str, entity: str, name: str) -> str:
        """The value whose reversible stand-in `[entity:name]` is, exactly.

        Raises Integrity when no such stand-in was made for this tenant.
        """
        try:
            sealed = base64.b32decode(name.upper() + "=" * (-len(name) % 8))
            if _base32(sealed) != name:  # two spellings would be two names for one value
                raise ValueError
            return self._siv(tenant_id).decrypt(sealed, _bound_to(tenant_id, entity)).decode()
        except (InvalidTag, ValueError) as error:
            raise Integrity("no such pseudonym was made for this tenant", reason_code="PSEUDONYM_UNKNOWN") from error

    def irreversible(self, tenant_id: str, entity: str, value: str) -> str:
        """`[ENTITY#name]`, the same for the same value everywhere in a tenant."""
        digest = _hmac(self._key(tenant_id, "one-way"), entity.encode() + b"\0" + value.encode())
        return f"[{entity}#{_base32(digest[:_ONE_WAY_BYTES])}]"

    def days(self, tenant_id: str, document_id: str) -> int:
        """How far the dates of a document move: not 0, the same for all its versions."""
        number = int.from_bytes(_hmac(self._key(tenant_id, "shift"), document_id.encode())[:8], "big")
        days = number % (2 * _SHIFT_DAYS) - _SHIFT_DAYS
        return days if days < 0 else days + 1

    def digest(self, tenant_id: str, context: bytes, value: str) -> bytes:
        """A keyed digest of `value` in a context: without the secret nobody can try values against it."""
        key = self._key(tenant_id, "digest")
        return _hmac(key, len(context).to_bytes(4, "big") + context + value.encode())

    def _siv(self, tenant_id: str) -> AESSIV:
        return AESSIV(self._key(tenant_id, "reversible", 2 * SECRET_BYTES))

    def _key(self, tenant_id: str, use: str, length: int = SECRET_BYTES) -> bytes:
        return _derived(self._secret, f"{use}/{tenant_id}".encode(), length)


@lru_cache(maxsize=KEYS_KEPT_MAX)
def _derived(secret: bytes, use: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=_DOMAIN + b"/" + use).derive(secret)


def _bound_to(tenant_id: str, entity: str) -> list[bytes]:
    return [_DOMAIN, tenant_id.encode(), entity.encode()]


def _hmac(key: bytes, message: bytes) -> bytes:
    state = hmac.HMAC(key, hashes.SHA256())
    state.update(message)
    return state.finalize()


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()


def reidentified(keys: PseudonymKeys, tenant_id: str, text: str, *, limit: int) -> tuple[str, int, int]:
    """`text` with the tenant's reversible pseudonyms opened, and how many were opened and how many not.

    What was made for another tenant, or by nobody, stays as it is. Beyond `limit` of them nothing is opened any more.
    """
    opened = unknown = 0

    def value_of(match: re.Match[str]) -> str:
        nonlocal opened, unknown
        try:
            if opened + unknown >= limit:
                raise Integrity("too many pseudonyms at once", reason_code="PSEUDONYMS_TOO_MANY")
            value = keys.reveal(tenant_id, match[1], match[2])
        except Integrity:
            unknown += 1
            return match[0]
        opened += 1
        return value

    return PSEUDONYM.sub(value_of, text), opened, unknown
