"""Indexes one document version: rows into Milvus first, then the word that they are current.

Milvus is outside the Kafka transaction, so each step is idempotent: rows are upserted under deterministic ids, and
readers trust only `documents.current.v1`, which becomes visible together with the committed offsets. A crash in
between leaves rows that no reader shows, and the next attempt writes the same ones.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from staithe.indexing.erasure import Eraser
from staithe.indexing.policy import Step, step_for
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import chunks_digest
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent, ChunksEmbedded, DocumentCurrent, DocumentIndexed, Erasure, Event
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import LineageAuthor, LineageVerifier
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.chunks import chunk_id
from staithe.vectors.store.rows import ChunkRow
from staithe.vectors.terms import unpack

INDEXED_TOPIC = "documents.indexed.v1"
CURRENT_TOPIC = "documents.current.v1"
LABELS_CHANGED = "LABELS_CHANGED"
"""Reason code of a `document.indexed` whose version has other labels than the one it replaces: others may read it."""


class IndexWriter(Protocol):
    """The index, writable."""

    def upsert(self, rows: Sequence[ChunkRow]) -> None:
        """Write rows, replacing those of the same id; raises Unavailable."""
        ...

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        """Remove the document's rows of versions before `keep_version`; raises Unavailable."""
        ...


class KnownCurrent(Protocol):
    """The newest known state of each document."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentCurrent | None: ...

    def apply(self, event: DocumentCurrent) -> None:
        """Take in what this service itself decided, before it reads it back."""
        ...


class IndexingStage:
    """chunks.embedded.v1 → Milvus, documents.current.v1 and documents.indexed.v1."""

    def __init__(
        self, writer: IndexWriter, current: KnownCurrent, eraser: Eraser, *, model_digest: bytes, dimensions: int,
        verifier: LineageVerifier, author: LineageAuthor, clock: Clock,
    ) -> None:  # fmt: skip
        self._writer, self._current, self._eraser = writer, current, eraser
        self._model_digest, self._dimensions = model_digest, dimensions
        self._verifier, self._author, self._clock = verifier, author, clock
        self._audit = AuditAuthor("indexing", clock)
        self._writing = threading.Lock()

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if not isinstance(event, ChunksEmbedded):
            raise InvalidEvent("not a ChunksEmbedded", reason_code="EVENT_TYPE")
        if event.model_digest != self._model_digest:
            raise InvalidEvent("embedded with another model than this index holds", reason_code="MODEL_MISMATCH")
        digest = chunks_digest(event.model_digest, event.chunks)
        self._verifier.verify(event, output_sha256=digest)
        with self._writing:
            return self._apply(event, digest, headers)

    def restore(self, event: ChunksEmbedded) -> bool:
        """Write the rows of a version again that were lost from the index; False when it is not the current one.

        Raises Unavailable, and InvalidEvent or Integrity when the event is not what the pipeline made.
        """
        self._verifier.verify(event, output_sha256=chunks_digest(event.model_digest, event.chunks))
        with self._writing:
            known = self._current.get(event.tenant_id, event.document_id)
            wanted = known is not None and not known.erased and known.document_version == event.document_version
            if wanted and event.model_digest == self._model_digest:
                self._writer.upsert([self._row(event, ordinal) for ordinal in range(len(event.chunks))])
                return True
            return False

    def _apply(self, event: ChunksEmbedded, digest: bytes, headers: Headers) -> Sequence[Emit]:
        known = self._current.get(event.tenant_id, event.document_id)
        step = step_for(event, known)
        if step is Step.SKIP:
            return [Emit(AUDIT_TOPIC, self._audited("document.superseded", event, digest, headers))]
        erasure = self._eraser.erase(event, known) if step is Step.ERASE else None
        if erasure is None:
            self._write(event, is_new=known is None)
            audit = self._audited("document.indexed", event, digest, headers)
            if known is not None and not known.erased and known.access != event.access:
                audit = replace(audit, reason_code=LABELS_CHANGED)
        else:
            audit = self._audited_erasure(event, erasure, digest, headers)
        current = self._current_event(event, erasure)
        self._current.apply(current)
        return [
            Emit(CURRENT_TOPIC, current),
            Emit(INDEXED_TOPIC, self._indexed_event(event, digest)),
            Emit(AUDIT_TOPIC, audit),
        ]

    def _write(self, event: ChunksEmbedded, *, is_new: bool) -> None:
        self._writer.upsert([self._row(event, ordinal) for ordinal in range(len(event.chunks))])
        if not is_new:
            # A document seen for the first time has no older rows, and a deletion costs five times its insertion.
            self._writer.delete_document(event.tenant_id, event.document_id, keep_version=event.document_version)

    def _audited_erasure(self, event: ChunksEmbedded, erasure: Erasure, digest: bytes, headers: Headers) -> AuditEvent:
        """Under the receipt's id and time: however often the erasure is done, the log has one leaf."""
        audit = self._audit.about_document(
            "document.erased", event, input_sha256=digest, output_sha256=digest, traceparent=traceparent_of(headers),
            attributes={"row_count": str(erasure.rows_removed), "secret_count": str(erasure.secrets_destroyed)},
        )  # fmt: skip
        return replace(audit, event_id=erasure.event_id, occurred_at=erasure.completed_at)

    def _audited(self, action: str, event: ChunksEmbedded, digest: bytes, headers: Headers) -> AuditEvent:
        return self._audit.about_document(
            action, event, input_sha256=digest, output_sha256=digest, traceparent=traceparent_of(headers),
            attributes={"chunk_count": str(len(event.chunks)), "model_digest": event.model_digest.hex()},
        )  # fmt: skip

    def _row(self, event: ChunksEmbedded, ordinal: int) -> ChunkRow:
        chunk = event.chunks[ordinal]
        if chunk.ordinal != ordinal or len(chunk.embedding) != 4 * self._dimensions:
            raise InvalidEvent("chunks are out of order or of the wrong size", reason_code="CHUNKS_MALFORMED")
        return ChunkRow(
            chunk_id=chunk_id(event.tenant_id, event.document_id, event.document_version, ordinal),
            tenant_id=event.tenant_id, document_id=event.document_id, document_version=event.document_version,
            ordinal=ordinal, access=event.access, sealed_text=chunk.sealed_text, text_sha256=chunk.text_sha256,
            span_start=chunk.span_start, span_end=chunk.span_end, model_digest=event.model_digest,
            retention_until=event.retention_until, embedding=np.frombuffer(chunk.embedding, "<f4"),
            terms=unpack(chunk.terms) if chunk.terms else {},
        )  # fmt: skip

    @staticmethod
    def _current_event(event: ChunksEmbedded, erasure: Erasure | None) -> DocumentCurrent:
        return DocumentCurrent(
            tenant_id=event.tenant_id, document_id=event.document_id, document_version=event.document_version,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, erased=erasure is not None, chunk_count=len(event.chunks),
            occurred_at=event.occurred_at, erasure=erasure,
        )  # fmt: skip

    def _indexed_event(self, event: ChunksEmbedded, digest: bytes) -> DocumentIndexed:
        return DocumentIndexed(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, source=event.source, model_digest=event.model_digest,
            chunk_count=len(event.chunks),
            lineage=self._author.extended(event, event.lineage, input_sha256=digest, output_sha256=digest),
        )  # fmt: skip
