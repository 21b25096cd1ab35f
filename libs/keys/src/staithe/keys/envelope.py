"""Envelopes: the secret of a document version, the key pairs made from it, and its wrapping by another key.

Key pairs come from the secret by HKDF-SHA256 (RFC 5869) with the purpose as `info`, so that whoever holds one of them
learns nothing of the secret or of another purpose. Wrapping is AES-256-GCM (NIST SP 800-38D) with a random nonce and
the place of the wrapped secret as associated data, so that it cannot stand in for another one.
"""

import secrets as random
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from staithe.kernel.errors import Integrity

SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SCRYPT_COST: Final = {"n": 1 << 16, "r": 8, "p": 1}
"""RFC 7914; 64 MiB and about a quarter of a second, once at a start."""


def new_secret() -> bytes:
    """SECRET_BYTES random bytes."""
    return random.token_bytes(SECRET_BYTES)


def private_key_for(purpose: str, *, secret: bytes, key_id: bytes) -> bytes:
    """The raw X25519 private key of one purpose of the secret that `key_id` names."""
    return HKDF(SHA256(), SECRET_BYTES, salt=key_id, info=b"staithe/key/v1\0" + purpose.encode()).derive(secret)


def wrap(key: bytes, secret: bytes, place: bytes) -> bytes:
    """`secret` encrypted under `key` (32 bytes) for `place`, 28 bytes longer."""
    nonce = random.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, place)


def unwrap(key: bytes, wrapped: bytes, place: bytes) -> bytes:
    """What was wrapped; raises Integrity when key, place or bytes are not those it was wrapped with."""
    try:
        return AESGCM(key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:
        raise Integrity("a wrapped secret does not open here", reason_code="WRAP_BROKEN") from error


def key_from_passphrase(passphrase: str, salt: bytes) -> bytes:
    """A 32-byte key from what a person can keep, by scrypt (RFC 7914)."""
    return Scrypt(salt=salt, length=SECRET_BYTES, **_SCRYPT_COST).derive(passphrase.encode())
