"""Which events are already in the log: an index that only saves time, for the log itself is the truth.

The index is written after the checkpoint, never before. So a crash can leave it behind the log and never ahead:
catching up reads the missing entries from the log. An index that is ahead, or that remembers another root for its
size, proves that the log was rolled back or replaced. Lost or damaged, the index is rebuilt from the log.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from staithe.audit.entry import entry_event_id
from staithe.audit.limits import INDEX_ROWS_PER_COMMIT
from staithe.audit.merkle import EMPTY_ROOT
from staithe.audit.reader import LogReader
from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable

_EVENT_TABLE: Final = """
CREATE TABLE IF NOT EXISTS event (event_id BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID"""
_POSITION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER, root BLOB)"""
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class EventIndex:
    """Event id (16 bytes) to leaf index, in one SQLite file. For one thread; every call may block on the disk."""

    def __init__(self, path: Path) -> None:
        """Open or create the index; raises ConfigurationError when its file cannot be written."""
        self._path = path
        try:
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error):
                    raise
                self._start_over()
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(
                f"cannot write the audit index {path}; check the owner, mode and space of its folder",
                reason_code="INDEX_UNUSABLE",
            ) from error

    def catch_up(self, log: LogReader) -> int:
        """Index the leaves that are in the log and not here; returns how many.

        Raises Integrity when the log is not the one that was indexed, or holds an event twice; Unavailable when
        the disk fails.
        """
        with self._guarded():
            try:
                return self._catch_up(log)
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error):
                    raise
                self._start_over()
                return self._catch_up(log)

    def find(self, event_id: bytes) -> int | None:
        """The leaf index of an event, None when it is not in the indexed log; raises Unavailable."""
        with self._guarded():
            query = "SELECT leaf_index FROM event WHERE event_id = ?"
            row: tuple[int] | None = self._database.execute(query, (event_id,)).fetchone()
        return row[0] if row else None

    def record(self, event_ids: Sequence[bytes], log: LogReader) -> None:
        """Index events just published as the last leaves of `log`; raises as `catch_up` does.

        Not recording is harmless: the next `catch_up` reads the same from the log.
        """
        first = log.checkpoint.size - len(event_ids)
        with self._guarded():
            if self._position()[0] == first:
                self._insert(event_ids, first, log)
            else:
                self._catch_up(log)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _catch_up(self, log: LogReader) -> int:
        size, root = self._position()
        if size > log.checkpoint.size:
            raise Integrity(
                "the log is shorter than it was: restore it from its replica, then delete the index if the loss stands",
                reason_code="LOG_ROLLED_BACK",
            )
        if log.root_at(size) != root:
            raise Integrity(
                "the log's history is not the one that was indexed: restore the log from its replica",
                reason_code="LOG_REPLACED",
            )
        event_ids = map(entry_event_id, log.entries(size))
        added = 0
        while some := list(islice(event_ids, INDEX_ROWS_PER_COMMIT)):
            self._insert(some, size + added, log)
            added += len(some)
        return added

    def _insert(self, event_ids: Sequence[bytes], first: int, log: LogReader) -> None:
        size = first + len(event_ids)
        try:
            with self._database:
                self._database.executemany("INSERT INTO event VALUES (?, ?)", _numbered(event_ids, first))
                self._database.execute("REPLACE INTO position VALUES (1, ?, ?)", (size, log.root_at(size)))
        except sqlite3.IntegrityError as error:
            raise Integrity("the log holds an event twice", reason_code="EVENT_TWICE_IN_LOG") from error

    def _position(self) -> tuple[int, bytes]:
        row: tuple[int, bytes] | None = self._database.execute("SELECT size, root FROM position").fetchone()
        return row or (0, EMPTY_ROOT)

    def _open(self) -> None:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._database = sqlite3.connect(self._path)
        # WAL with NORMAL may lose the last transactions in a power cut, which only leaves the index behind.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        with self._database:
            self._database.execute(_EVENT_TABLE)
            self._database.execute(_POSITION_TABLE)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn database errors into Unavailable; a damaged file is emptied, so that the next `catch_up` rebuilds it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.Error) and _is_damaged(error):
                with contextlib.suppress(sqlite3.Error, OSError):
                    self._start_over()
            raise Unavailable(
                "the audit index cannot be used now: check the disk of its folder", reason_code="INDEX_UNAVAILABLE"
            ) from error

    def _start_over(self) -> None:
        self._database.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._open()


def _numbered(event_ids: Iterable[bytes], first: int) -> Iterator[tuple[bytes, int]]:
    return ((event_id, leaf_index) for leaf_index, event_id in enumerate(event_ids, first))


def _is_damaged(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED  # the low byte is the primary code
