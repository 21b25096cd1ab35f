"""Embeds one document version: open, verify, cut into chunks, embed each, seal each text to the query service."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from staithe.embedding.memory import VectorMemory
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import NOTHING_TO_READ, Readable, chunk_digest, listed_chunks_digest
from staithe.kernel.crypto.sealing import KeysNeeded, Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import AuditEvent, Chunk, ChunksEmbedded, DocumentSanitized, Event
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, sha256
from staithe.kernel.provenance import CHUNKS_LISTED_MAX, spell_chunks
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.kernel.vocabulary import Operation, TenantId
from staithe.vectors.chunks import Chunk as TextChunk
from staithe.vectors.terms import blind, chunk_weights, pack

EMBEDDED_TOPIC = "chunks.embedded.v1"
SANITIZED_PURPOSE = "sanitized"
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


class TenantTermKeys(Protocol):
    """Keys of the blind index; may be called from several threads."""

    def key(self, tenant_id: TenantId) -> bytes:
        """The tenant's; may block, raises Unavailable, AccessDenied, or InvalidEvent for an unknown tenant."""
        ...


class EmbeddingStage:
    """documents.sanitized.v1 → chunks.embedded.v1."""

    def __init__(
        self, encoder: ChunkEncoder, *, opener: Opener, sealer: Sealer, term_keys: TenantTermKeys,
        verifier: LineageVerifier, author: LineageAuthor, clock: Clock,
    ) -> None:  # fmt: skip
        self._encoder, self._opener, self._sealer, self._term_keys = encoder, opener, sealer, term_keys
        self._verifier, self._author, self._clock = verifier, author, clock
        self._audit, self._memory = AuditAuthor("embedding", clock), VectorMemory()

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if not isinstance(event, DocumentSanitized):
            raise InvalidEvent("not a DocumentSanitized", reason_code="EVENT_TYPE")
        readable = self._open(event)
        before = readable.digest()
        self._verifier.verify(event, output_sha256=before)
        chunks = self._embedded(event, readable)
        digests = [chunk_digest(each) for each in chunks]
        after = listed_chunks_digest(self._encoder.model_digest, digests)
        embedded = ChunksEmbedded(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, source=event.source,
            model_digest=self._encoder.model_digest, dimensions=_dimensions(chunks), chunks=chunks,
            lineage=self._author.extended(event, event.lineage, input_sha256=before, output_sha256=after),
        )  # fmt: skip
        audits = self._audited(event, digests, before, after, traceparent_of(headers))
        return [Emit(EMBEDDED_TOPIC, embedded), *(Emit(AUDIT_TOPIC, each) for each in audits)]

    def _audited(
        self, event: DocumentSanitized, digests: Sequence[bytes], before: bytes, after: bytes, traceparent: str
    ) -> list[AuditEvent]:
        """What was made, and of which chunks: so many that one entry of the log cannot list them go on in others."""
        audits = []
        for first in range(0, len(digests) or 1, CHUNKS_LISTED_MAX):
            listed = {"chunks": spell_chunks(digests[first : first + CHUNKS_LISTED_MAX])} if digests else {}
            counted = {"ordinal": str(first)} if first else {"chunk_count": str(len(digests))}
            audits.append(
                self._audit.about_document(
                    "chunks.listed" if first else "document.embedded", event, input_sha256=before, output_sha256=after,
                    traceparent=traceparent,
                    attributes={"model_digest": self._encoder.model_digest.hex()} | counted | listed,
                )
            )  # fmt: skip
        return audits

    def _open(self, event: DocumentSanitized) -> Readable:
        if event.operation is Operation.ERASE:
            self._opener.forget(event.tenant_id, event.document_id)
            self._memory.forget(event.key)
            return NOTHING_TO_READ
        try:
            return Readable.decode(self._opener.open(_context(SANITIZED_PURPOSE, event), event.sealed_text))
        except Integrity as error:
            raise InvalidEvent("the sealed text does not open", reason_code="SEAL_BROKEN") from error

    def _embedded(self, event: DocumentSanitized, readable: Readable) -> tuple[Chunk, ...]:
        """Every chunk; only those that the version before did not have go through the model."""
        known, vectors, chunks = self._memory.recall(event.key), dict[bytes, bytes](), list[Chunk]()
        for each in self._encoder.chunks(readable.text):
            read = sha256(Readable("", readable.title, each.text).encode())
            vector = known.get(read) or self._encoder.encode(readable.title, each.text).astype("<f4").tobytes()
            vectors[read] = vector
            chunks.append(self._chunk(event, readable, each, vector))
        self._memory.learn(event.key, known, vectors)
        return tuple(chunks)

    def _chunk(self, event: DocumentSanitized, readable: Readable, chunk: TextChunk, vector: bytes) -> Chunk:
        """The title and name go with each chunk, sealed: the index holds nothing that can be read, words as hashes."""
        context = _context(CHUNK_PURPOSE, event, str(chunk.ordinal))
        return Chunk(
            ordinal=chunk.ordinal, span_start=chunk.span_start, span_end=chunk.span_end,
            text_sha256=sha256(chunk.text.encode()), embedding=vector,
            sealed_text=self._sealer.seal(context, Readable(readable.name, readable.title, chunk.text).encode()),
            terms=pack(blind(chunk_weights(readable.title, chunk.text), self._term_keys.key(event.tenant_id))),
        )  # fmt: skip


def keys_needed(event: Event) -> KeysNeeded:
    """What the stage will open and seal for an event."""
    if not isinstance(event, DocumentSanitized) or event.operation is Operation.ERASE:
        return KeysNeeded()
    opens = (_context(SANITIZED_PURPOSE, event), event.sealed_text)
    return KeysNeeded(opens=(opens,), seals=(_context(CHUNK_PURPOSE, event),))


def _context(purpose: str, event: DocumentSanitized, part: str = "") -> SealContext:
    return SealContext(purpose, event.tenant_id, event.document_id, event.document_version, part)


def _dimensions(chunks: Sequence[Chunk]) -> int:
    return len(chunks[0].embedding) // 4 if chunks else 0
