"""The wrapped secrets and the tombstones of erased documents, in one SQLite file.

Every call is durable when it returns (WAL with synchronous FULL). Destroying a secret overwrites its row, deletes it
with `secure_delete`, and empties the write-ahead log, so that no page of the store holds it afterwards. What a disk or
a file system keeps of overwritten blocks is beyond reach; rotating the tenant's key makes that useless, too.
Documents appear as digests only.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError, Unavailable

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS secret (
    key_id BLOB PRIMARY KEY, subject BLOB NOT NULL, document_version INTEGER NOT NULL,
    tenant_id TEXT NOT NULL, tenant_key INTEGER NOT NULL, wrapped BLOB NOT NULL,
    UNIQUE (subject, document_version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS secret_by_tenant_key ON secret (tenant_id, tenant_key);
CREATE TABLE IF NOT EXISTS tombstone (
    subject BLOB PRIMARY KEY, document_version INTEGER NOT NULL, shredded_at INTEGER NOT NULL,
    secrets INTEGER NOT NULL, event_id TEXT NOT NULL
) WITHOUT ROWID;
"""
_TOMBSTONE: Final = "SELECT document_version, shredded_at, secrets, event_id FROM tombstone WHERE subject = ?"


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A wrapped secret; `tenant_key` is the version of the tenant's key that wraps it."""

    key_id: bytes
    subject: bytes
    document_version: int
    tenant_id: str
    tenant_key: int
    wrapped: bytes

    @property
    def place(self) -> bytes:
        """What binds the wrapped secret to this row."""
        return self.key_id + self.subject + self.document_version.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A document was erased up to `document_version`; `event_id` is of the audit event."""

    document_version: int
    shredded_at: int
    secrets: int
    event_id: str


class KeyStore:
    """The store; every call may block on the disk and raises Unavailable when that fails."""

    def __init__(self, path: Path) -> None:
        """Open or create the store; raises ConfigurationError when its file cannot be written or is another's."""
        self._lock = threading.Lock()
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            if path.stat().st_mode & 0o077:
                raise ConfigurationError(
                    f"{path} must be readable by its owner only: run `chmod 600 {path}`", reason_code="SECRET_EXPOSED"
                )
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(
                f"cannot write the key store {path}; check the owner, mode and space of its folder, "
                "or restore it from its backup",
                reason_code="KEY_STORE_UNUSABLE",
            ) from error

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._database.close()

    def find(self, key_id: bytes) -> SecretRow | None:
        """The secret of that name."""
        return self._one("SELECT * FROM secret WHERE key_id = ?", (key_id,))

    def of_version(self, subject: bytes, document_version: int) -> SecretRow | None:
        """The secret of that version of a document."""
        return self._one(
            "SELECT * FROM secret WHERE subject = ? AND document_version = ?",
            (subject, document_version),
        )

    def add(self, rows: Sequence[SecretRow]) -> None:
        """Store new secrets in one transaction."""
        with self._transaction():
            self._database.executemany(
                "INSERT INTO secret VALUES (?, ?, ?, ?, ?, ?)",
                [(r.key_id, r.subject, r.document_version, r.tenant_id, r.tenant_key, r.wrapped) for r in rows],
            )

    def tombstone(self, subject: bytes) -> Tombstone | None:
        """What is known of the document's erasure."""
        with self._guarded():
            row = self._database.execute(_TOMBSTONE, (subject,)).fetchone()
        return Tombstone(*row) if row else None

    def shred(self, subject: bytes, tombstone: Tombstone) -> tuple[Tombstone, tuple[bytes, ...]]:
        """Destroy every secret of the document up to the tombstone's version; the tombstone that holds, and the keys.

        `secrets` is counted here. When there is nothing left to destroy and a tombstone as high stands, that one holds.
        """
        with self._transaction():
            known = self._database.execute(_TOMBSTONE, (subject,)).fetchone()
            within = (subject, tombstone.document_version)
            found = self._database.execute(
                "SELECT key_id FROM secret WHERE subject = ? AND document_version <= ?", within
            ).fetchall()
            if known is not None and known[0] >= tombstone.document_version and not found:
                return Tombstone(*known), ()
            self._database.execute(
                "UPDATE secret SET wrapped = zeroblob(length(wrapped)) WHERE subject = ? AND document_version <= ?",
                within,
            )
            self._database.execute("DELETE FROM secret WHERE subject = ? AND document_version <= ?", within)
            version = max(tombstone.document_version, known[0] if known else 0)
            holds = Tombstone(version, tombstone.shredded_at, len(found), tombstone.event_id)
            self._database.execute(
                "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?, ?)",
                (subject, holds.document_version, holds.shredded_at, holds.secrets, holds.event_id),
            )
        self.empty_log()
        return holds, tuple(row[0] for row in found)

    def wrapped_before(self, tenant_id: str, tenant_key: int, limit: int) -> list[SecretRow]:
        """At most `limit` secrets of the tenant under an older version of its key than `tenant_key`."""
        with self._guarded():
            rows = self._database.execute(
                "SELECT * FROM secret WHERE tenant_id = ? AND tenant_key < ? LIMIT ?",
                (tenant_id, tenant_key, limit),
            ).fetchall()
        return [SecretRow(*row) for row in rows]

    def rewrap(self, rows: Sequence[SecretRow]) -> None:
        """Replace wrapped secrets in one transaction; one that was destroyed meanwhile stays destroyed."""
        with self._transaction():
            self._database.executemany(
                "UPDATE secret SET tenant_key = ?, wrapped = ? WHERE key_id = ?",
                [(row.tenant_key, row.wrapped, row.key_id) for row in rows],
            )

    def count(self) -> int:
        """How many secrets there are."""
        with self._guarded():
            counted: tuple[int] = self._database.execute("SELECT count(*) FROM secret").fetchone()
        return counted[0]

    def empty_log(self) -> None:
        """Move everything into the store's file and cut the write-ahead log to nothing."""
        with self._guarded():
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _one(self, query: str, parameters: tuple[bytes | int, ...]) -> SecretRow | None:
        with self._guarded():
            row = self._database.execute(query, parameters).fetchone()
        return SecretRow(*row) if row else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guarded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise Unavailable("the key store cannot be read or written now", reason_code="KEY_STORE") from error
