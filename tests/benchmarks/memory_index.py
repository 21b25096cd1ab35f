"""The query service's own retrieval and answering over an exact index in memory: what it finds, without a stack.

Only the store, the sealing and the topic are stand-ins. Filters are applied as Milvus would.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from staithe.kernel.clock import SystemClock
from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.errors import StaitheError
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.telemetry import Metrics
from staithe.kernel.vocabulary import Access, DocumentId, TenantId
from staithe.query.clip import ClippingEncoder
from staithe.query.fusion import fuse
from staithe.query.limits import ENCODE_THREADS
from staithe.query.ports import Vector
from staithe.query.retrieval import Fusion, Retriever
from staithe.query.stage import QueryStage
from staithe.query.worker import BoundedWorker
from staithe.vectors.chunks import ChunkLimits, chunk_id, chunk_text
from staithe.vectors.clip import under_title
from staithe.vectors.model.encoder import Encoder
from staithe.vectors.store.filters import And, AtMost, ContainsAny, Equals, Filter
from staithe.vectors.store.rows import EVERYBODY, Hit, StoredChunk
from staithe.vectors.terms import Terms, blind, chunk_weights, question_weights

VERSION: Final = 1
KEY: Final = b"bench" * 8
"""Of the blind index; a measurement needs no secret."""


@dataclass(frozen=True)
class Text:
    """A document as parsed."""

    tenant_id: TenantId
    document_id: DocumentId
    access: Access
    name: str
    title: str
    text: str


class MemoryIndex:
    """Every chunk; exact search by vectors, by words, or by both (`ways`)."""

    def __init__(self, texts: Iterable[Text], encoder: Encoder) -> None:
        self.ways = {"meaning", "words"}
        self.rows: list[StoredChunk] = []
        self.terms: list[Terms] = []
        self.counts: dict[str, int] = {}
        vectors = []
        for each in texts:
            chunks = chunk_text(each.text, encoder.tokenizer, ChunkLimits())
            self.counts[each.document_id] = len(chunks)
            for chunk in chunks:
                vectors.append(encoder.encode(under_title(each.title, chunk.text, encoder.tokenizer)))
                self.terms.append(blind(chunk_weights(each.title, chunk.text), KEY))
                self.rows.append(_row(each, chunk, encoder.model_digest))
        self.matrix = np.stack(vectors)

    def search(self, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        scores = self.matrix @ vector
        found = [_hit(self.rows[i], float(scores[i])) for i in np.argsort(-scores) if _matches(self.rows[i], wanted)]
        return found[:limit] if "meaning" in self.ways else ()

    def has_terms(self) -> bool:
        return "words" in self.ways

    def search_terms(self, terms: Terms, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        scores = self.matrix @ vector
        found = []
        for place, (row, own) in enumerate(zip(self.rows, self.terms, strict=True)):
            shared = sum(weight * own.get(dimension, 0.0) for dimension, weight in terms.items())
            if shared > 0 and _matches(row, wanted):
                found.append(replace(_hit(row, float(scores[place])), terms_score=shared))
        return sorted(found, key=lambda each: -(each.terms_score or 0.0))[:limit]

    def fetch_document_chunks(
        self, tenant_id: TenantId, document_id: DocumentId, document_version: int
    ) -> Sequence[StoredChunk]:
        wanted = (tenant_id, document_id, document_version)
        return [row for row in self.rows if (row.tenant_id, row.document_id, row.document_version) == wanted]


class PlainOpener:
    """Opens what was never sealed."""

    def prepare(self, blobs: Iterable[tuple[SealContext, bytes]]) -> None:
        del blobs

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        del context
        return sealed


class EverythingCurrent:
    """Every document as it was indexed."""

    fatal: StaitheError | None = None

    def __init__(self, index: MemoryIndex) -> None:
        self._documents = {(row.tenant_id, row.document_id): row for row in index.rows}
        self._counts = index.counts

    def caught_up(self) -> bool:
        return True

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentCurrent | None:
        row = self._documents.get((tenant_id, document_id))
        if row is None:
            return None
        return DocumentCurrent(
            tenant_id=tenant_id, document_id=document_id, document_version=VERSION, access=row.access,
            retention_until=None, residency="eu", content_sha256=b"0" * 32, erased=False,
            chunk_count=self._counts[document_id], occurred_at=0,
        )  # fmt: skip


class _Words:
    def __init__(self, encoder: Encoder) -> None:
        self._tokenizer = encoder.tokenizer

    def terms(self, tenant_id: TenantId, question: str) -> Terms:
        del tenant_id
        return blind(question_weights(question, self._tokenizer.rank), KEY)


def stage_over(index: MemoryIndex, encoder: Encoder, fusion: Fusion = fuse) -> QueryStage:
    """The query service's stage over `index`."""
    clipping, opener, current = ClippingEncoder(encoder), PlainOpener(), EverythingCurrent(index)
    encoding = BoundedWorker("encoding", threads=ENCODE_THREADS, waiting_max=64)
    searching = BoundedWorker("searching", threads=2, waiting_max=64)
    retriever = Retriever(
        index=index, opener=opener, current=current, terms=_Words(encoder), model_digest=encoder.model_digest,
        clock=SystemClock(), metrics=Metrics("query"), searching=searching, fusion=fusion,
    )  # fmt: skip
    return QueryStage(
        encoder=clipping, retriever=retriever, index=index, opener=opener, current=current, clock=SystemClock(),
        encoding=encoding, searching=searching,
    )  # fmt: skip


def _row(text: Text, chunk: Any, model_digest: bytes) -> StoredChunk:
    return StoredChunk(
        chunk_id=chunk_id(text.tenant_id, text.document_id, VERSION, chunk.ordinal), tenant_id=text.tenant_id,
        document_id=text.document_id, document_version=VERSION, ordinal=chunk.ordinal, access=text.access,
        sealed_text=Readable(text.name, text.title, chunk.text).encode(),
        text_sha256=hashlib.sha256(chunk.text.encode()).digest(), span_start=chunk.span_start,
        span_end=chunk.span_end, model_digest=model_digest, retention_until=None,
    )  # fmt: skip


def _hit(row: StoredChunk, score: float) -> Hit:
    return Hit(**{name: getattr(row, name) for name in StoredChunk.__dataclass_fields__}, score=score)


def _matches(row: StoredChunk, wanted: Filter) -> bool:
    """The filters that `permitted` makes, and no others."""
    match wanted:
        case And(parts):
            return all(_matches(row, part) for part in parts)
        case Equals(field, value):
            return bool(getattr(row, field.value) == value)
        case AtMost(_, value):
            return int(row.access.tier) <= value
        case ContainsAny(_, values):
            return bool(set(row.access.groups or (EVERYBODY,)) & set(values))
    raise ValueError("not a filter of a caller's rights")
