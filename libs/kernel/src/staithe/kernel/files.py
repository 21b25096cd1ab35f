"""Files that must not leak and must not be half written."""

import os
import stat
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError

SECRET_BYTES_MAX: Final = 1 << 20
"""No key, password or keyring is longer; a larger file is the wrong file."""


def read_secret(path: Path) -> bytes:
    """The content of an owner-only regular file.

    Raises ConfigurationError when it is missing, readable by others, or larger than SECRET_BYTES_MAX.
    """
    try:
        # O_NONBLOCK: opening a named pipe would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the secret file {path} ({error.strerror}); create it, or run `staithe up` for a local stack",
            reason_code="SECRET_UNREADABLE",
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise ConfigurationError(
                f"{path} must be a regular file that only its owner may read: run `chmod 600 {path}`",
                reason_code="SECRET_EXPOSED",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigurationError(f"{path} is too large for a secret", reason_code="SECRET_TOO_LARGE")
    return content


def read_password(path: Path) -> str:
    """The first line of an owner-only file, without its newline.

    Raises ConfigurationError as read_secret does, and when that line is empty or no UTF-8.
    """
    try:
        password = read_secret(path).decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        password = ""
    if not password:
        raise ConfigurationError(f"{path} holds no password on its first line", reason_code="PASSWORD_MALFORMED")
    return password


def write_secret(path: Path, content: bytes) -> None:
    """Replace `path` by `content` with mode 0600: readers see the old file or the whole new one."""
    write_atomically(path, content, mode=0o600)


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Replace `path` by `content`, synced to disk before the name changes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
