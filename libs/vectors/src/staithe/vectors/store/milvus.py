"""The index as the indexing service uses it: a writer over one generation's collection."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from staithe.kernel.clock import Clock, SystemClock
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store import limits, schema
from staithe.vectors.store.calls import CollectionCalls
from staithe.vectors.store.census import Census, take_census
from staithe.vectors.store.connection import Consistency, MilvusConnection
from staithe.vectors.store.filters import And, AtMost, Field, Filter, NoneOf, Or, document, render
from staithe.vectors.store.rows import ChunkRow, check_row


@dataclass(frozen=True, slots=True)
class Deletion:
    """Remove every version of a document below `keep_version`, or every version when it is None."""

    tenant_id: TenantId
    document_id: DocumentId
    keep_version: int | None

    def filter(self) -> Filter:
        """The rows that go; the kept version and newer ones are never among them."""
        rows = document(self.tenant_id, self.document_id)
        if self.keep_version is None:
            return rows
        return And((rows, AtMost(Field.DOCUMENT_VERSION, self.keep_version - 1)))


class MilvusIndexWriter:
    """Writes chunks; for one thread at a time (it locks), one process per Milvus Lite server.

    Everything is idempotent: a call that raised Unavailable may be repeated as it is.
    """

    def __init__(self, connection: MilvusConnection, model_digest: bytes, *, clock: Clock | None = None) -> None:
        self._connection = connection
        self._rows = CollectionCalls(connection, model_digest)
        self._model_digest = model_digest
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._unflushed = 0
        self._unflushed_since = 0.0
        self._erased_since: float | None = None

    def upsert(self, rows: Sequence[ChunkRow]) -> None:
        """Store `rows` in bounded requests; afterwards they survive a kill of the server.

        Raises InvalidEvent for a malformed row, a chunk_id that occurs twice or another model's row, before
        anything is sent; otherwise as MilvusConnection.call does, when any prefix may be stored.
        """
        for row in rows:
            check_row(row)
            if row.model_digest != self._model_digest:
                raise InvalidEvent("a row is of another model", reason_code="ROW_MODEL_MISMATCH")
        if len({row.chunk_id for row in rows}) != len(rows):
            raise InvalidEvent("a chunk_id occurs twice in one call", reason_code="ROW_DUPLICATED")
        with self._lock:
            for batch in _batches(rows):
                self._send(batch)
                self._note_unflushed(len(batch))
            self.flush_if_due()

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        """Remove the versions below `keep_version`, all when None; afterwards no Strong read finds them."""
        self.delete_documents([Deletion(tenant_id, document_id, keep_version)])

    def delete_documents(self, deletions: Sequence[Deletion]) -> None:
        """The same for many documents; one request for each DELETE_DOCUMENTS_MAX (0.2 to 0.4 s on a server).

        Deletes by filter, not by key: on both kinds that sees every acknowledged row, whoever wrote it, and
        needs no read before; a read and a deletion by key would cost the same strong read and a second request.
        """
        with self._lock:
            for start in range(0, len(deletions), limits.DELETE_DOCUMENTS_MAX):
                part = deletions[start : start + limits.DELETE_DOCUMENTS_MAX]
                self._delete(render(Or(tuple(deletion.filter() for deletion in part))))
                if self._erased_since is None and any(each.keep_version is None for each in part):
                    self._erased_since = self._clock.monotonic()
                self._note_unflushed(1)
            self.flush_if_due()

    def count(self, tree: Filter, *, consistency: Consistency = Consistency.STRONG) -> int:
        """How many rows match, exactly."""
        if self._connection.is_lite:
            # Lite's count(*) decodes every column of every match; their keys are much cheaper.
            return len(self._rows.query(tree, [schema.PRIMARY_KEY], None, consistency, "count"))
        rows = self._rows.call(
            lambda client, name: client.query(
                name,
                filter=render(tree),
                output_fields=["count(*)"],
                consistency_level=consistency.value,
                timeout=limits.CALL_SECONDS_MAX,
            ),
            place="count",
        )
        return int(rows[0]["count(*)"])

    def census(self) -> Census:
        """As take_census, over this connection."""
        return take_census(self._connection, self._model_digest)

    def document_versions(self, tenant_id: TenantId, document_id: DocumentId) -> tuple[int, ...]:
        """The versions of a document that have rows now, rising; raises Integrity beyond DOCUMENT_VERSIONS_MAX."""
        found: set[int] = set()
        for _ in range(limits.DOCUMENT_VERSIONS_MAX + 1):
            tree: Filter = document(tenant_id, document_id)
            if found:
                tree = And((tree, NoneOf(Field.DOCUMENT_VERSION, tuple(sorted(found)))))
            rows = self._rows.query(
                tree, ["document_version"], limits.QUERY_ROWS_MAX, Consistency.STRONG, "document_versions"
            )
            found |= {int(row["document_version"]) for row in rows}
            if len(rows) < limits.QUERY_ROWS_MAX:
                return tuple(sorted(found))
        raise Integrity("a document has too many versions stored", reason_code="DOCUMENT_VERSIONS_EXCESSIVE")

    def flush_if_due(self) -> bool:
        """Flush when FLUSH_ROWS or FLUSH_SECONDS are reached; the service calls it when idle, upsert by itself.

        Only Milvus Lite needs it (unflushed rows make its searches slow); a server seals segments by itself.
        """
        with self._lock:
            age = self._clock.monotonic() - self._unflushed_since
            due = self._unflushed >= limits.FLUSH_ROWS or (self._unflushed > 0 and age >= limits.FLUSH_SECONDS)
            if not due or not self._connection.is_lite:
                return False
            self.flush()
            return True

    def flush(self) -> None:
        """Write out and index what is in memory; blocking, 0.1 s on Lite, seconds on a server."""
        with self._lock:
            self._rows.call(lambda client, name: client.flush(name, timeout=limits.PREPARE_SECONDS_MAX), place="flush")
            self._unflushed = 0

    def compact_if_due(self) -> bool:
        """Ask for compaction COMPACT_SECONDS after an erasure; the service calls it when idle. Whether it asked.

        A deleted row is only marked; compaction writes the segments anew without it, and the server removes the old
        files when it collects garbage (hours later, by its own settings). Milvus Lite does both by itself when it
        flushes, by its own measure of when that is worth it.
        """
        with self._lock:
            since = self._erased_since
            if since is None or self._clock.monotonic() - since < limits.COMPACT_SECONDS:
                return False
            self.flush()
            self._rows.call(lambda client, name: client.compact(name, timeout=limits.CALL_SECONDS_MAX), place="compact")
            self._erased_since = None
            return True

    def check(self) -> None:
        """Return when the collection can be used now; raises as MilvusConnection.call does."""
        self._rows.check()

    def _delete(self, expression: str) -> None:
        self._rows.call(
            lambda client, name: client.delete(name, filter=expression, timeout=limits.CALL_SECONDS_MAX),
            place="delete",
        )

    def _send(self, batch: Sequence[ChunkRow]) -> None:
        with_terms = self._rows.has_terms()
        columns = [schema.to_columns(row, with_terms=with_terms) for row in batch]
        result = self._rows.call(
            lambda client, name: client.upsert(name, columns, timeout=limits.CALL_SECONDS_MAX), place="upsert"
        )
        if result["upsert_count"] != len(batch):
            raise Integrity("Milvus stored another number of rows than sent", reason_code="UPSERT_INCOMPLETE")

    def _note_unflushed(self, count: int) -> None:
        if self._unflushed == 0:
            self._unflushed_since = self._clock.monotonic()
        self._unflushed += count


def _batches(rows: Sequence[ChunkRow]) -> list[list[ChunkRow]]:
    """`rows` in order, cut where UPSERT_ROWS_MAX or UPSERT_BYTES_MAX would be passed."""
    batches: list[list[ChunkRow]] = []
    size = 0
    for row in rows:
        row_bytes = row.embedding.nbytes + 8 * len(row.terms) + len(row.sealed_text) * 4 // 3
        full = not batches or len(batches[-1]) == limits.UPSERT_ROWS_MAX or size + row_bytes > limits.UPSERT_BYTES_MAX
        if full:
            batches.append([])
            size = 0
        batches[-1].append(row)
        size += row_bytes
    return batches
