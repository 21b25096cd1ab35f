"""Random passwords of the local stack, one folder per principal, made once and never printed."""

import secrets
from collections.abc import Iterable
from typing import Final

from staithe.kernel.files import read_password, write_secret
from staithe.stack.layout import StackPaths, ensure_private_folder

PRINCIPALS: Final = (
    "operator",
    "keys",
    "ingestion",
    "sanitization",
    "embedding",
    "indexing",
    "audit",
    "query",
    "source",
)
"""The operator administers the broker; `source` is the sample source system that publishes documents."""

PASSWORD_BYTES: Final = 32
"""256 random bits, written as 43 URL-safe characters."""

KAFKA_PASSWORD: Final = "kafka_password"  # noqa: S105 - a file name


def ensure_kafka_passwords(paths: StackPaths, principals: Iterable[str] = PRINCIPALS) -> None:
    """Make `secrets/<principal>/kafka_password` (mode 0600) for every one of `principals` that has none.

    Raises ConfigurationError when an existing one is open to other users.
    """
    for principal in principals:
        folder = paths.secrets_of(principal)
        ensure_private_folder(folder)
        path = folder / KAFKA_PASSWORD
        if path.exists():
            read_password(path)
        else:
            write_secret(path, secrets.token_urlsafe(PASSWORD_BYTES).encode())


def kafka_password(paths: StackPaths, principal: str) -> str:
    """The password of `principal`; raises ConfigurationError when it is missing or open to other users."""
    return read_password(paths.secrets_of(principal) / KAFKA_PASSWORD)
