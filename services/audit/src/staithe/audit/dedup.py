"""Which events are already in the log, and where: an index that only saves time, for the log itself is the truth.

The index is written after the checkpoint, never before. So a crash can leave it behind the log and never ahead:
catching up reads the missing entries from the log. An index that is ahead, or that remembers another root for its
size, proves that the log was rolled back or replaced. Lost or damaged, the index is rebuilt from the log.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from staithe.audit.entry import EntryKeys, entry_keys, event_id_bytes
from staithe.audit.limits import INDEX_ROWS_PER_COMMIT
from staithe.audit.merkle import EMPTY_ROOT
from staithe.audit.reader import LogReader
from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable

_EVENT_TABLE: Final = """
CREATE TABLE IF NOT EXISTS event (event_id BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID"""
_VERSION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS version (subject_sha256 BLOB, document_version INTEGER, leaf_index INTEGER,
PRIMARY KEY (subject_sha256, document_version, leaf_index)) WITHOUT ROWID"""
_POSITION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER, root BLOB)"""
_TABLES_VERSION: Final = 2
"""Another number in the file means other tables: the index is made again from the log."""
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class EventIndex:
    """Events and document versions to leaf indices, in one SQLite file. For one thread; every call may block."""

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

    def record(self, entries: Sequence[bytes], log: LogReader) -> None:
        """Index entries just published as the last leaves of `log`; raises as `catch_up` does.

        Not recording is harmless: the next `catch_up` reads the same from the log.
        """
        first = log.checkpoint.size - len(entries)
        with self._guarded():
            if self._position()[0] == first:
                self._insert([(leaf, entry_keys(entry)) for leaf, entry in enumerate(entries, first)], log)
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
        if size == log.checkpoint.size:
            return 0
        keys = ((leaf_index, entry_keys(entry)) for leaf_index, entry in log.numbered(size))
        added = 0
        while some := list(islice(keys, INDEX_ROWS_PER_COMMIT)):
            self._insert(some, log)
            added += len(some)
        return added

    def _insert(self, numbered: Sequence[tuple[int, EntryKeys]], log: LogReader) -> None:
        """Index leaves that are all that the log has between the position and the last of them."""
        size = numbered[-1][0] + 1
        events = [(each.event_id, leaf_index) for leaf_index, each in numbered]
        versions = [
            (each.subject_sha256, each.document_version, leaf_index)
            for leaf_index, each in numbered
            if each.subject_sha256 is not None and each.document_version
        ]
        try:
            with self._database:
                self._database.executemany("INSERT INTO event VALUES (?, ?)", events)
                self._database.executemany("INSERT INTO version VALUES (?, ?, ?)", versions)
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
            (tables,) = self._database.execute("PRAGMA user_version").fetchone()
            if tables != _TABLES_VERSION:
                for name in ("event", "version", "position"):
                    self._database.execute(f"DROP TABLE IF EXISTS {name}")
                self._database.execute(f"PRAGMA user_version = {_TABLES_VERSION}")
            for table in (_EVENT_TABLE, _VERSION_TABLE, _POSITION_TABLE):
                self._database.execute(table)

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


class IndexFinder:
    """Looks entries up in the index while its writer goes on: a `gather.Finder`. For one thread; calls may block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def event(self, event_id: str) -> int | None:
        """The leaf of an event, None when the index does not have it; raises Unavailable."""
        rows = self._rows("SELECT leaf_index FROM event WHERE event_id = ?", event_id_bytes(event_id))
        return rows[0] if rows else None

    def version(self, subject_sha256: bytes, document_version: int) -> Sequence[int]:
        """The leaves about one version, in rising order; raises Unavailable."""
        query = "SELECT leaf_index FROM version WHERE subject_sha256 = ? AND document_version = ? ORDER BY leaf_index"
        return self._rows(query, subject_sha256, document_version)

    def _rows(self, query: str, *values: object) -> list[int]:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            return [leaf_index for (leaf_index,) in self._connection.execute(query, values)]
        except sqlite3.Error as error:
            # The writer makes a damaged index again under the same name: do not hold on to the old file.
            self.close()
            raise Unavailable("the audit index cannot be read now", reason_code="INDEX_UNAVAILABLE") from error

    def close(self) -> None:
        """Let the file go; the next look opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _is_damaged(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED  # the low byte is the primary code
