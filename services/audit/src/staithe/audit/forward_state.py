"""What a forwarder remembers: the first leaf that was not acknowledged, and the checkpoint that it trusted last."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import write_atomically

STATE: Final = "forwarded.json"
REFUSED: Final = "refused"
LOCK: Final = "lock"
ASKED_MAX: Final = 4_096
"""Documents whose erasure was asked for and whose events are kept in mind; 64 bytes each in the file."""
_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How far a forwarder is. `asked` are subjects whose erasure was asked for, the newest last."""

    next_leaf: int = 0
    note: bytes = b""
    head: Checkpoint | None = None
    asked: tuple[str, ...] = ()


class StateFolder:
    """The owner-only folder of one forwarder; one process at a time."""

    def __init__(self, folder: Path, log_key: VerifierKey) -> None:
        """Raises ConfigurationError when the folder cannot be used or another forwarder uses it."""
        self._folder, self._log_key = folder, log_key
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise ConfigurationError(
                f"cannot use the forwarder's folder {folder} ({error.strerror})", reason_code="FORWARDER_FOLDER"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"another forwarder uses {folder}: each sink needs a folder of its own", reason_code="FORWARDER_FOLDER"
            ) from error

    def load(self) -> Forwarding:
        """What was saved last, or a beginning; raises Integrity when it is not what a forwarder of this log saved."""
        try:
            saved: dict[str, Any] = json.loads((self._folder / STATE).read_bytes())
        except FileNotFoundError:
            return Forwarding()
        except (OSError, ValueError, RecursionError) as error:
            raise _not_ours() from error
        try:
            note, next_leaf, asked = saved["checkpoint"].encode(), saved["next_leaf"], tuple(saved["asked"])
            head = open_checkpoint(note, self._log_key)
        except (KeyError, TypeError, AttributeError) as error:
            raise _not_ours() from error
        if type(next_leaf) is not int or not 0 <= next_leaf <= head.size or not all(type(s) is str for s in asked):
            raise _not_ours()
        return Forwarding(next_leaf, note, head, asked)

    def save(self, forwarding: Forwarding) -> None:
        """Return once the disk has it, its name included. Raises OSError when the disk does not take it."""
        content = {
            "next_leaf": forwarding.next_leaf, "checkpoint": forwarding.note.decode(), "asked": list(forwarding.asked)
        }  # fmt: skip
        self._write(STATE, json.dumps(content, ensure_ascii=False).encode())

    def keep_refused(self, note: bytes) -> None:
        """Keep the checkpoint that contradicts the saved one: both are signed, so together they prove the fraud."""
        self._write(REFUSED, note)

    def close(self) -> None:
        """Let another forwarder use the folder."""
        os.close(self._lock)

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self._folder / name, content, mode=_FILE_MODE)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _not_ours() -> Integrity:
    return Integrity(
        "the forwarder's state is not what it saved; with an empty folder it starts at the first leaf again",
        reason_code="FORWARDER_STATE",
    )
