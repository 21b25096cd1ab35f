"""The path of a question: encode, retrieve what may be shown, choose sentences, cite.

Raises Unavailable when a dependency cannot answer now or a queue is full; never answers with less than was checked.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Erased, Unavailable
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import DocumentId
from staithe.query import limits
from staithe.query.access_rules import NO_RULES, AccessRules
from staithe.query.answer import Answer, Passage, candidates, compose, shortlist
from staithe.query.policy import Refusal, refuse_document, refuse_erasure, refuse_receipt
from staithe.query.ports import ChunkIndex, ChunkOpener, CurrentDocuments, TextEncoder, Vector
from staithe.query.reading import Piece, open_chunk, prepare_chunks, stitch, whole_text
from staithe.query.retrieval import Found, Retrieved, Retriever
from staithe.query.worker import BoundedWorker


class Hidden(Exception):
    """The document is absent, or the caller may not know of it; `refusal` is for the audit log only."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, the passages it was looked for in, and what they are made of."""

    answer: Answer
    passages: tuple[Passage, ...]
    retrieved: Retrieved


class QueryStage:
    """Answers questions inside the caller's tenant, tier and groups, as they are now."""

    def __init__(
        self, *, encoder: TextEncoder, retriever: Retriever, index: ChunkIndex, opener: ChunkOpener,
        current: CurrentDocuments, clock: Clock, encoding: BoundedWorker, searching: BoundedWorker,
        rules: AccessRules = NO_RULES,
    ) -> None:  # fmt: skip
        self._encoder, self._retriever = encoder, retriever
        self._index, self._opener, self._current = index, opener, current
        self._clock, self._encoding, self._searching, self._rules = clock, encoding, searching, rules

    async def search(self, caller: Caller, question: str, *, limit: int) -> Retrieved:
        """At most `limit` chunks near the question, best first."""
        vector = await self._encoding.run(self._encoder.encode, question)
        return await self._retriever.retrieve(caller, question, vector, limit)

    async def answer(self, caller: Caller, question: str) -> Answered:
        """An extractive answer with citations, or an answer that says it does not know."""
        vector = await self._encoding.run(self._encoder.encode, question)
        retrieved = await self._retriever.retrieve(caller, question, vector, limits.ANSWER_PASSAGES_MAX)
        found = tuple(passages(retrieved.results))
        ranked = candidates(question, found)
        quotes = await self._encode_all([each.quote for each in ranked])
        listed = shortlist(vector, ranked, quotes)
        contexts = await self._encode_all([each.candidate.context_text for each in listed])
        return Answered(compose(vector, listed, contexts), found, retrieved)

    def document(self, caller: Caller, document_id: DocumentId) -> DocumentCurrent:
        """What holds for the document now; raises Hidden when the caller may not know."""
        current = self._current.get(caller.tenant_id, document_id)
        refusal = refuse_document(caller, current, now_ms=self._clock.now_ms(), rules=self._rules)
        if refusal is not None or current is None:
            raise Hidden(refusal or Refusal.ABSENT)
        return current

    def erasable(self, caller: Caller, document_id: DocumentId) -> DocumentCurrent:
        """The document to erase; raises Hidden as `document` does, except that an expired one may be erased."""
        current = self._current.get(caller.tenant_id, document_id)
        refusal = refuse_erasure(caller, current, now_ms=self._clock.now_ms(), rules=self._rules)
        if refusal is not None or current is None:
            raise Hidden(refusal or Refusal.ABSENT)
        return current

    def erasure(self, caller: Caller, document_id: DocumentId) -> DocumentCurrent:
        """The document with what its erasure left; raises Hidden for whoever could not see it while it was there."""
        current = self._current.get(caller.tenant_id, document_id)
        refusal = refuse_receipt(caller, current, now_ms=self._clock.now_ms(), rules=self._rules)
        if refusal is not None or current is None:
            raise Hidden(refusal or Refusal.ABSENT)
        return current

    async def content(self, caller: Caller, document_id: DocumentId) -> tuple[DocumentCurrent, str]:
        """The document's sanitized text; raises Hidden, Unavailable, or Integrity when its chunks do not fit."""
        current = self.document(caller, document_id)
        return current, await self._searching.run(self._read_content, caller, current)

    def _read_content(self, caller: Caller, current: DocumentCurrent) -> str:
        fetched = self._index.fetch_document_chunks(current.tenant_id, current.document_id, current.document_version)
        # The document may have been erased, relabelled or replaced while its chunks were fetched: ask again.
        if self.document(caller, current.document_id) != current:
            raise Unavailable("the document changed meanwhile; try again", reason_code="DOCUMENT_CHANGED")
        refuse = self._retriever.refusals(caller)
        chunks = [each for each in fetched if refuse(each) is None]
        prepare_chunks(self._opener, chunks)
        try:
            pieces = [Piece(each.span_start, open_chunk(self._opener, each).text) for each in chunks]
        except Erased:
            raise Hidden(Refusal.ERASED) from None
        return whole_text(pieces, [each.ordinal for each in chunks], chunk_count=current.chunk_count)

    async def _encode_all(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of `texts`, in order, shared out over the encoder's threads."""
        share = math.ceil(len(texts) / limits.ENCODE_THREADS) or 1
        parts = [texts[start : start + share] for start in range(0, len(texts), share)]
        encoded = await asyncio.gather(*(self._encoding.run(self._encode_each, part) for part in parts))
        return [vector for part in encoded for vector in part]

    def _encode_each(self, texts: Sequence[str]) -> list[Vector]:
        return [self._encoder.encode(text) for text in texts]


def passages(results: Sequence[Found]) -> list[Passage]:
    """Neighbouring chunks of a document joined, so that no sentence is cut where two of them meet."""
    by_document: dict[DocumentId, list[Found]] = {}
    for found in results:
        by_document.setdefault(found.hit.document_id, []).append(found)
    joined = []
    for group in by_document.values():
        for piece in stitch([Piece(each.hit.span_start, each.text) for each in group]):
            inside = [each for each in group if piece.start <= each.hit.span_start < piece.end]
            best = max(inside, key=lambda each: each.hit.score)
            scores = tuple((each.hit.span_start, each.hit.span_end, each.hit.score) for each in inside)
            sources = tuple(sorted((each.hit for each in inside), key=lambda hit: hit.span_start))
            joined.append(Passage(best.hit, best.readable, piece.start, piece.text, scores, sources))
    return joined
