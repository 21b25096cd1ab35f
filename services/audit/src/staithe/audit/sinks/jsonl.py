"""A file of JSON lines, for a collector that follows files."""

import os
from pathlib import Path
from typing import Final

from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.errors import ConfigurationError, Unavailable

_READ_BYTES: Final = 65_536


class JsonLines:
    """Appends to a file that only its owner may read; acknowledged once the disk has it (fsync)."""

    def __init__(self, path: Path) -> None:
        """Cut off a last line that a crash left without its end; ConfigurationError when the file cannot be opened."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._whole = _end_of_last_line(self._descriptor)
            os.ftruncate(self._descriptor, self._whole)
            directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)  # a new file's name must outlive a power cut as its lines do
            finally:
                os.close(directory)
        except OSError as error:
            raise ConfigurationError(f"cannot write {path} ({error.strerror})", reason_code="SINK_FILE") from error

    def send(self, events: list[Forwarded]) -> None:
        """Append a line for each event; a full disk is waited for, and half a batch is taken back."""
        rest = memoryview("".join(f"{event.line()}\n" for event in events).encode())
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
            self._whole = os.fstat(self._descriptor).st_size
        except OSError as error:
            os.ftruncate(self._descriptor, self._whole)
            raise Unavailable(f"cannot write the file ({error.strerror})", reason_code="SINK_FILE") from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _end_of_last_line(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _READ_BYTES)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
