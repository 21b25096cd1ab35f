"""Ed25519 signatures (RFC 8032) with keys in owner-only files."""

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import read_secret, write_secret

SIGNATURE_BYTES: Final = 64
PUBLIC_KEY_BYTES: Final = 32
_SEED_BYTES: Final = 32


class Signer:
    """Holds one Ed25519 private key and signs with it."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key: bytes = private_key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Signer":
        """A signer with a new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_file(cls, path: Path) -> "Signer":
        """The signer whose 32-byte seed is in `path`; raises ConfigurationError when it is missing, open or odd."""
        seed = read_secret(path)
        if len(seed) != _SEED_BYTES:
            raise ConfigurationError(
                f"{path} must hold the {_SEED_BYTES} bytes of an Ed25519 seed; restore it from backup",
                reason_code="SIGNING_KEY_MALFORMED",
            )
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def save(self, path: Path) -> None:
        """Write the seed to `path` with mode 0600, atomically."""
        write_secret(path, self._private_key.private_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._private_key.sign(message)


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Return when `signature` is `public_key`'s over `message`; raise Integrity otherwise."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise Integrity("key or signature has the wrong length", reason_code="SIGNATURE_INVALID")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Integrity("signature does not verify", reason_code="SIGNATURE_INVALID") from error
