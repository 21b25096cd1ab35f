"""A witness: keeps the last checkpoint it saw, cosigns one that extends it, and refuses a log that changed its past.

It has a folder and a key of its own and only reads the log. Whoever asks a log for cosigned checkpoints cannot be
shown a history that the witness was not shown, unless log and witness work together.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.audit.cosign import check_cosignature, cosign
from staithe.audit.extension import CHANGED_PAST, check_extension
from staithe.audit.notes import COSIGNATURE, Checkpoint, VerifierKey, is_key_name, open_checkpoint
from staithe.audit.reader import ReadableFiles, read_checkpoint
from staithe.kernel.clock import Clock
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import write_atomically

KEY: Final = "witness.key"
VKEY: Final = "witness.vkey"
KEPT: Final = "checkpoint"
REFUSED: Final = "refused"
"""The checkpoint that contradicts the kept one: both are signed by the log, so together they prove the fraud."""

_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that the witness has cosigned, and how many entries it had seen before."""

    head: Checkpoint
    size_before: int
    note: bytes


class Witness:
    """One witness of one log. Its folder is owner-only; every call may block on disk and log."""

    def __init__(self, folder: Path, log_key: VerifierKey, name: str, clock: Clock) -> None:
        """Open the state in `folder`, or start one with a new key.

        Raises ConfigurationError when the folder or the name cannot be used, Integrity when what it kept is not what
        the log and this witness signed.
        """
        if not is_key_name(name):
            raise ConfigurationError(
                "a witness's name has no spaces and no '+', such as witness.example.com/w1",
                reason_code="WITNESS_NAME_MALFORMED",
            )
        self._folder, self._log_key, self._clock = folder, log_key, clock
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._signer = self._open_key(folder / KEY)
            self.key = VerifierKey(name, self._signer.public_key, COSIGNATURE)
            write_atomically(folder / VKEY, f"{self.key}\n".encode(), mode=_FILE_MODE)
            self._kept = self._open_kept()
        except OSError as error:
            raise ConfigurationError(
                f"cannot use the witness's folder {folder} ({error.strerror})", reason_code="WITNESS_FOLDER"
            ) from error

    @property
    def kept(self) -> Checkpoint | None:
        """The last checkpoint that it cosigned."""
        return self._kept

    def look(self, log: ReadableFiles) -> Witnessed:
        """Cosign the log's checkpoint when it extends the kept one.

        Raises Integrity when it does not (LOG_ROLLED_BACK, LOG_FORKED): nothing is cosigned then, now and at every
        later look, until the log is what it was; the offending checkpoint is put beside the kept one. Raises
        Integrity too when the log's files cannot prove anything, and Unavailable when the log cannot be reached.
        """
        note = read_checkpoint(log)
        head = open_checkpoint(note, self._log_key)
        before = self._kept
        if before is not None:
            self._check_extension(before, head, note, log)
        cosigned = cosign(note, self.key, self._signer, time_seconds=self._clock.now_ms() // 1000)
        write_atomically(self._folder / KEPT, cosigned, mode=_FILE_MODE)
        self._kept = head
        return Witnessed(head, before.size if before else 0, cosigned)

    def _check_extension(self, before: Checkpoint, head: Checkpoint, note: bytes, log: ReadableFiles) -> None:
        try:
            check_extension(before, head, log)
        except Integrity as error:
            if error.reason_code in CHANGED_PAST:
                write_atomically(self._folder / REFUSED, note, mode=_FILE_MODE)
            raise

    def _open_kept(self) -> Checkpoint | None:
        path = self._folder / KEPT
        if not path.exists():
            return None
        note = path.read_bytes()
        check_cosignature(note, self.key)
        return open_checkpoint(note, self._log_key)

    @staticmethod
    def _open_key(path: Path) -> Signer:
        if not path.exists():
            Signer.generate().save(path)
        return Signer.from_file(path)
