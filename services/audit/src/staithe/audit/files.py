"""The one place where the log touches a disk; everything above it is told what to write and in which order.

Paths are relative to the log's folder, with '/'. Writing calls raise OSError as it comes: the writer decides.
"""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from staithe.kernel.errors import ConfigurationError, Integrity

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


class Files(Protocol):
    """A folder that can be read, and written in steps that survive a power cut once synced."""

    def create(self) -> None:
        """Make the folder itself, durably; no error when it is there."""
        ...

    def lock(self, path: str) -> None:
        """Become the only writer until `unlock`; raises ConfigurationError while somebody else is."""
        ...

    def unlock(self) -> None:
        """Let another writer in."""
        ...

    def read(self, path: str, bytes_max: int) -> bytes | None:
        """The content of a file, None when there is none; Integrity when it is larger or not a regular file."""
        ...

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder; empty when there is none."""
        ...

    def walk(self) -> Iterator[str]:
        """Every file in the folder and below it; symbolic links are reported, not followed."""
        ...

    def make_folder(self, folder: str) -> None:
        """Create a folder whose parent exists; no error when it is there."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Create or empty a file, write it and sync its content."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Atomically put `source` in the place of `target`."""
        ...

    def sync_folder(self, folder: str) -> None:
        """Make the names in a folder durable."""
        ...

    def remove(self, path: str) -> None:
        """Delete a file; no error when there is none."""
        ...

    def remove_folder(self, folder: str) -> None:
        """Delete an empty folder; no error when there is none."""
        ...


class LogFiles:
    """`Files` on the local file system, owner-only, and the lock that keeps a second writer out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def create(self) -> None:
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _sync_folder(path.parent)

    def read(self, path: str, bytes_max: int) -> bytes | None:
        try:
            descriptor = os.open(self._path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                content = file.read(bytes_max + 1)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            if error.errno in (errno.EISDIR, errno.ELOOP):
                raise Integrity(f"{path} is not a regular file", reason_code="LOG_FILE_ODD") from error
            raise
        if content is None or len(content) > bytes_max:
            raise Integrity(f"{path} is larger than it can be", reason_code="LOG_FILE_ODD")
        return content

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self._path(folder)))  # noqa: PTH208 - names, not paths
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise

    def make_folder(self, folder: str) -> None:
        with contextlib.suppress(FileExistsError):
            self._path(folder).mkdir(mode=_FOLDER_MODE)

    def write(self, path: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path(path), flags, _FILE_MODE)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            _sync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: str, target: str) -> None:
        self._path(source).rename(self._path(target))

    def sync_folder(self, folder: str) -> None:
        _sync_folder(self._path(folder))

    def remove(self, path: str) -> None:
        self._path(path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path(folder).rmdir()

    def walk(self) -> Iterator[str]:
        for folder, _, names in os.walk(self.folder):
            prefix = Path(folder).relative_to(self.folder)
            yield from ((prefix / name).as_posix() for name in names)

    def lock(self, path: str) -> None:
        descriptor = os.open(self._path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise ConfigurationError(
                    f"another audit service writes {self.folder}: stop it, or give this one a folder of its own",
                    reason_code="LOG_IN_USE",
                ) from error
            raise
        self._lock = descriptor

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _path(self, path: str) -> Path:
        return self.folder / path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync leaves the data in the drive's own cache there
    else:
        os.fsync(descriptor)
