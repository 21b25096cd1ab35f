"""The writer of the transparency log: an append is either published whole, durably and signed, or not at all.

Life of one append. 1. Write the bundles and tiles it changes, each as a temporary file, synced, renamed; sync their
folders. 2. Put the signed checkpoint into `writer/pending`, synced. 3. Put it into `checkpoint`, synced. Published
files are never rewritten, so a crash before 2 leaves only files past the checkpoint, which opening removes; after 2
opening finishes the publication. A checkpoint that somebody could have read is therefore never taken back, not even
by a power cut, which would look like a forged history to a witness.
"""

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from staithe.audit.edge import Edge
from staithe.audit.files import Files, LogFiles
from staithe.audit.leftovers import remove_outgrown, remove_unpublished
from staithe.audit.limits import BATCH_ENTRIES_MAX, ENTRY_BYTES_MAX, FOLDERS_KNOWN_MAX, NOTE_BYTES_MAX
from staithe.audit.merkle import leaf_hash
from staithe.audit.notes import (
    Checkpoint,
    NoteSigner,
    VerifierKey,
    is_key_name,
    open_checkpoint,
    sign_checkpoint,
)
from staithe.audit.reader import LogReader
from staithe.audit.tiles import CHECKPOINT, ENTRIES, TILES, WRITER, Tile, edge_tiles, level_counts
from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent, Unavailable

LOCK: Final = f"{WRITER}/lock"
PENDING: Final = f"{WRITER}/pending"
TEMPORARY: Final = f"{WRITER}/temporary"
_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class AppendReceipt:
    """Where a batch went: the leaf index of its first entry, and the checkpoint that covers all of it."""

    leaf_index: int
    checkpoint: bytes


class TransparencyLog:
    """An append-only log in one folder, for one writer and one thread. Every call may block on the disk."""

    def __init__(
        self,
        folder: Path,
        signer: NoteSigner,
        origin: str,
        *,
        open_files: Callable[[Path], Files] = LogFiles,
    ) -> None:
        """Lock the folder and recover the last published state, or start an empty log in an empty folder.

        Raises ConfigurationError when the origin is no key name, the folder cannot be written or another writer
        has it; Integrity when the files are not what the signer last signed; Unavailable when the disk fails.
        """
        if not is_key_name(origin):
            raise ConfigurationError(
                "the log's origin must be a name without spaces and '+', such as audit.example.com/log",
                reason_code="LOG_ORIGIN_MALFORMED",
            )
        self.key = VerifierKey(origin, signer.public_key)
        self._signer = signer
        self._folder = folder
        self._files = open_files(folder)
        self._folders_synced: set[str] = set()
        self._edge = Edge()
        self._note = b""
        self._recovered = False
        try:
            self._files.create()
            self._files.make_folder(WRITER)
            self._files.lock(LOCK)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the audit log's folder {folder} ({error.strerror}); check its owner and mode",
                reason_code="LOG_FOLDER_UNUSABLE",
            ) from error
        try:
            self.recover()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many entries the published log has."""
        return self._edge.size

    @property
    def checkpoint(self) -> bytes:
        """The published checkpoint, a signed note."""
        return self._note

    @property
    def folder(self) -> Path:
        """Where the log is."""
        return self._folder

    def reader(self) -> LogReader:
        """A reader of the log as last published."""
        return LogReader(self._files, self._tree_head(self._edge))

    def append(self, entries: Sequence[bytes]) -> AppendReceipt:
        """Publish `entries` in order and return when they are durable.

        Raises InvalidEvent for an entry that is empty or over ENTRY_BYTES_MAX, before anything is written, and
        ValueError for an empty batch or one over BATCH_ENTRIES_MAX. Raises Unavailable when the disk fails or is
        full: then the whole batch is in the log or nothing of it, `recover` tells which, and append works again
        when the disk does.
        """
        _check_batch(entries)
        self.recover()
        edge, files = self._edge.extended(entries)
        note = sign_checkpoint(self._tree_head(edge), self._signer)
        self._recovered = False
        with _disk_errors_as_unavailable():
            self._write_tiles(files)
            self._write_durably(PENDING, note)
            self._write_durably(CHECKPOINT, note)
        receipt = AppendReceipt(self._edge.size, note)
        with contextlib.suppress(OSError):  # what stays behind is removed when the log is next opened
            remove_outgrown(self._files, self._edge.size, edge.size)
        self._edge, self._note, self._recovered = edge, note, True
        return receipt

    def recover(self) -> None:
        """Make memory and disk agree on the last published state; does nothing unless an append failed.

        Raises Unavailable while the disk fails, Integrity when the files are not what was signed.
        """
        if self._recovered:
            return
        with _disk_errors_as_unavailable():
            self._folders_synced.clear()
            self._make_folder(WRITER)
            self._note = self._newest_note()
            head = open_checkpoint(self._note, self.key)
            self._edge = self._read_edge(head)
            remove_unpublished(self._files, head.size)
            self._files.remove(TEMPORARY)
            if self._files.read(CHECKPOINT, NOTE_BYTES_MAX) == self._note:
                self._files.sync_folder("")  # a rename may be visible and not yet durable
            else:
                self._write_durably(CHECKPOINT, self._note)
        self._recovered = True

    def close(self) -> None:
        """Let another writer in; the log must not be used afterwards."""
        self._files.unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _newest_note(self) -> bytes:
        """The last note this log signed, pending or published; a first one for an empty folder."""
        notes = [self._files.read(path, NOTE_BYTES_MAX) for path in (CHECKPOINT, PENDING)]
        heads = [(open_checkpoint(note, self.key), note) for note in notes if note is not None]
        if not heads:
            if self._files.names(TILES):
                raise Integrity(
                    "the log has tiles and no checkpoint: restore it, or move the folder away",
                    reason_code="CHECKPOINT_MISSING",
                )
            return sign_checkpoint(self._tree_head(Edge()), self._signer)
        newest, note = max(heads, key=lambda head: head[0].size)
        reader = LogReader(self._files, newest)
        if any(reader.root_at(head.size) != head.root for head, _ in heads):
            raise Integrity("the log does not extend its own checkpoint", reason_code="LOG_FORKED")
        return note

    def _read_edge(self, head: Checkpoint) -> Edge:
        reader = LogReader(self._files, head)
        tiles = {tile.level: tile for tile in edge_tiles(head.size)}
        levels = tuple(
            tuple(reader.hashes(level, tiles[level].index)) if level in tiles else ()
            for level in range(len(level_counts(head.size)))
        )
        entries = tuple(reader.bundle(tiles[ENTRIES].index)) if ENTRIES in tiles else ()
        edge = Edge(head.size, entries, levels)
        if edge.root() != head.root or (levels and levels[0] != tuple(map(leaf_hash, entries))):
            raise Integrity(
                "the log's tiles do not reproduce its checkpoint; run `staithe audit verify`",
                reason_code="LOG_TILES_WRONG",
            )
        return edge

    def _tree_head(self, edge: Edge) -> Checkpoint:
        return Checkpoint(self.key.name, edge.size, edge.root())

    def _write_tiles(self, files: Sequence[tuple[Tile, bytes]]) -> None:
        folders = set()
        for tile, content in files:
            folder = tile.path.rpartition("/")[0]
            self._make_folder(folder)
            self._files.write(TEMPORARY, content)
            self._files.rename(TEMPORARY, tile.path)
            folders.add(folder)
        for folder in sorted(folders):
            self._files.sync_folder(folder)

    def _write_durably(self, path: str, content: bytes) -> None:
        self._files.write(TEMPORARY, content)
        self._files.rename(TEMPORARY, path)
        self._files.sync_folder(path.rpartition("/")[0])

    def _make_folder(self, folder: str) -> None:
        """Create `folder` and its parents, each durable before anything is put into it."""
        if not folder or folder in self._folders_synced:
            return
        parent = folder.rpartition("/")[0]
        self._make_folder(parent)
        self._files.make_folder(folder)
        self._files.sync_folder(parent)
        if len(self._folders_synced) >= FOLDERS_KNOWN_MAX:
            self._folders_synced.clear()
        self._folders_synced.add(folder)


def _check_batch(entries: Sequence[bytes]) -> None:
    if not 0 < len(entries) <= BATCH_ENTRIES_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_ENTRIES_MAX} entries")
    if not all(0 < len(entry) <= ENTRY_BYTES_MAX for entry in entries):
        raise InvalidEvent(f"an audit entry must have 1 to {ENTRY_BYTES_MAX} bytes", reason_code="ENTRY_SIZE_INVALID")


@contextlib.contextmanager
def _disk_errors_as_unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise Unavailable("the audit log's disk is full: free space there", reason_code="LOG_DISK_FULL") from error
        raise Unavailable(f"the audit log's disk failed ({error.strerror})", reason_code="LOG_DISK_FAILED") from error
