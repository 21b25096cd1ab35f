"""Embeds one document version: verify, cut into chunks, embed each, seal each text to the query service."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import chunks_digest, text_digest
from staithe.kernel.crypto.sealing import SealContext, Sealer
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import Chunk, ChunksEmbedded, DocumentSanitized, Event
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, sha256
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.vectors.chunks import Chunk as TextChunk

EMBEDDED_TOPIC = "chunks.embedded.v1"
CHUNK_PURPOSE = "chunk"


class ChunkEncoder(Protocol):
    """Cuts and embeds; may be called from several threads."""

    @property
    def model_digest(self) -> bytes: ...

    def chunks(self, text: str) -> Sequence[TextChunk]:
        """The chunks of a text, in order."""
        ...

    def encode(self, title: str, text: str) -> npt.NDArray[np.float32]:
        """float32[dimensions] of unit norm, of a chunk's text read under its document's title."""
        ...


class EmbeddingStage:
    """documents.sanitized.v1 → chunks.embedded.v1."""

    def __init__(
        self, encoder: ChunkEncoder, *, sealer: Sealer, verifier: LineageVerifier, author: LineageAuthor, clock: Clock
    ) -> None:
        self._encoder, self._sealer, self._verifier, self._author = encoder, sealer, verifier, author
        self._clock = clock
        self._audit = AuditAuthor("embedding", clock)

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if not isinstance(event, DocumentSanitized):
            raise InvalidEvent("not a DocumentSanitized", reason_code="EVENT_TYPE")
        before = text_digest(name=event.name, title=event.title, text=event.text)
        self._verifier.verify(event, output_sha256=before)
        chunks = tuple(self._embed(event, each) for each in self._encoder.chunks(event.text))
        after = chunks_digest(self._encoder.model_digest, chunks)
        embedded = ChunksEmbedded(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, source=event.source, name=event.name, title=event.title,
            model_digest=self._encoder.model_digest, dimensions=_dimensions(chunks), chunks=chunks,
            lineage=self._author.extended(event, event.lineage, input_sha256=before, output_sha256=after),
        )  # fmt: skip
        audit = self._audit.about_document(
            "document.embedded", event, input_sha256=before, output_sha256=after,
            traceparent=traceparent_of(headers), attributes={"chunk_count": str(len(chunks))},
        )  # fmt: skip
        return [Emit(EMBEDDED_TOPIC, embedded), Emit(AUDIT_TOPIC, audit)]

    def _embed(self, event: DocumentSanitized, chunk: TextChunk) -> Chunk:
        text = chunk.text.encode()
        context = SealContext(
            CHUNK_PURPOSE, event.tenant_id, event.document_id, event.document_version, str(chunk.ordinal)
        )
        return Chunk(
            ordinal=chunk.ordinal, span_start=chunk.span_start, span_end=chunk.span_end, text_sha256=sha256(text),
            sealed_text=self._sealer.seal(context, text),
            embedding=self._encoder.encode(event.title, chunk.text).astype("<f4").tobytes(),
        )  # fmt: skip


def _dimensions(chunks: Sequence[Chunk]) -> int:
    return len(chunks[0].embedding) // 4 if chunks else 0
