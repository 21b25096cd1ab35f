"""Finds chunks for a question: by meaning and by words, each list sifted by the policy before the two are fused.

What is found depends only on what the caller may see. Each list goes on until it has as many permitted hits as are
wanted, so that rows which are superseded, or hidden from this caller, take no place and leave no gap; only beyond
FETCH_MAX rows of one search could they.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from staithe.kernel.clock import Clock
from staithe.kernel.content import Readable
from staithe.kernel.errors import Erased, Integrity, InvalidEvent
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.telemetry import Metrics
from staithe.kernel.vocabulary import DocumentId
from staithe.query import limits
from staithe.query.access_rules import NO_RULES, AccessRules
from staithe.query.fusion import Ranked, Standing, fuse
from staithe.query.policy import Refusal, refuse_chunk
from staithe.query.ports import ChunkIndex, ChunkOpener, CurrentDocuments, QuestionTerms, Vector
from staithe.query.reading import open_chunk, prepare_chunks
from staithe.query.worker import BoundedWorker
from staithe.vectors.store.filters import And, Filter, permitted
from staithe.vectors.store.rows import Hit, StoredChunk
from staithe.vectors.terms import Terms

Fusion = Callable[[Sequence[Hit], Sequence[Hit], Terms], Sequence[Ranked]]
"""Orders the permitted hits of both searches; a reranker takes its place."""
Refuse = Callable[[StoredChunk], Refusal | None]


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that may be shown, opened and checked, and how it came to its place."""

    hit: Hit
    readable: Readable
    standing: Standing

    @property
    def title(self) -> str:
        return self.readable.title

    @property
    def name(self) -> str:
        return self.readable.name

    @property
    def text(self) -> str:
        return self.readable.text


@dataclass(frozen=True, slots=True)
class Broken:
    """A chunk that did not open as what it claims to be."""

    chunk: StoredChunk
    reason_code: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What a search yields: results best first, the chunks that proved broken, and what was left out of them.

    `superseded` rows ranked among the candidates and are of documents that the caller may see; `crowded_out` chunks
    ranked before the last result, of documents with RESULTS_PER_DOCUMENT_MAX better ones. Nothing here tells of hidden
    documents.
    """

    results: tuple[Found, ...]
    broken: tuple[Broken, ...]
    hybrid: bool
    superseded: int
    crowded_out: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """The permitted hits of one search, best first, and the superseded rows that ranked among them."""

    hits: tuple[Hit, ...]
    superseded: frozenset[str]


_NOTHING = _Listed((), frozenset())


class Retriever:
    """Retrieves inside the caller's tenant, tier and groups, as they are now."""

    def __init__(
        self, *, index: ChunkIndex, opener: ChunkOpener, current: CurrentDocuments, terms: QuestionTerms,
        model_digest: bytes, clock: Clock, metrics: Metrics, searching: BoundedWorker, fusion: Fusion = fuse,
        rules: AccessRules = NO_RULES,
    ) -> None:  # fmt: skip
        self._index, self._opener, self._current, self._terms = index, opener, current, terms
        self._model_digest, self._clock, self._searching, self._fuse = model_digest, clock, searching, fusion
        self._rules = rules
        self._dropped = metrics.counter("dropped_hits_total", "Hits that were not shown, by reason.", ("reason",))
        self._rounds = metrics.counter("search_rounds_total", "Searches sent to the index, repeats included.")

    async def retrieve(self, caller: Caller, question: str, vector: Vector, limit: int) -> Retrieved:
        """At most `limit` chunks, best first; looks deeper until there are so many or the index has no more.

        Raises Unavailable when a dependency cannot answer now or a queue is full.
        """
        wanted: Filter = permitted(caller.tenant_id, caller.tier, caller.groups)
        if narrowing := self._rules.narrowing(caller, self._clock.now_ms()):
            wanted = And((wanted, *narrowing))
        terms = await self._searching.run(self._question_terms, caller, question)

        def by_meaning(fetch: int) -> Sequence[Hit]:
            return self._index.search(vector, wanted, fetch)

        def by_words(fetch: int) -> Sequence[Hit]:
            return self._index.search_terms(terms, vector, wanted, fetch) if terms else ()

        for depth in _depths(limit):
            refuse = self.refusals(caller)
            meaning, words = await asyncio.gather(
                self._list(by_meaning, refuse, depth), self._list(by_words, refuse, depth)
            )
            retrieved = await self._searching.run(self._choose, self._fuse(meaning.hits, words.hits, terms), limit)
            retrieved = replace(retrieved, superseded=len(meaning.superseded | words.superseded))
            if len(retrieved.results) >= limit or max(len(meaning.hits), len(words.hits)) < depth:
                break
        return retrieved

    def refusals(self, caller: Caller) -> Refuse:
        """The policy as of now: one state of each document for the whole pass, so that versions never mix."""
        now_ms = self._clock.now_ms()
        known: dict[DocumentId, DocumentCurrent | None] = {}

        def refuse(chunk: StoredChunk) -> Refusal | None:
            if chunk.document_id not in known:
                known.setdefault(chunk.document_id, self._current.get(caller.tenant_id, chunk.document_id))
            current = known[chunk.document_id]
            return refuse_chunk(
                caller, chunk, current, now_ms=now_ms, model_digest=self._model_digest, rules=self._rules
            )

        return refuse

    def _question_terms(self, caller: Caller, question: str) -> Terms:
        if not self._index.has_terms():
            return {}
        try:
            return self._terms.terms(caller.tenant_id, question)
        except InvalidEvent:
            return {}  # a tenant without a key has nothing that could be found

    async def _list(self, search: Callable[[int], Sequence[Hit]], refuse: Refuse, depth: int) -> _Listed:
        """The first `depth` permitted hits; fewer only where FETCH_MAX rows hold no more."""
        listed, dropped = _NOTHING, Counter[Refusal]()
        fetch = min(depth + depth // limits.FETCH_SPARE_PART, limits.FETCH_MAX)
        for _ in range(limits.FETCH_ROUNDS_MAX):
            self._rounds.inc()
            count, listed, dropped = await self._searching.run(_search_and_sift, search, refuse, fetch, depth)
            if len(listed.hits) == depth or count < fetch or fetch == limits.FETCH_MAX:
                break
            fetch = min(fetch * limits.FETCH_FACTOR, limits.FETCH_MAX)
        for reason, many in dropped.items():
            self._dropped.labels(reason.value).inc(many)
        return listed

    def _choose(self, fused: Sequence[Ranked], limit: int) -> Retrieved:
        prepare_chunks(self._opener, [each.hit for each in fused[: limit + limits.RESULTS_PER_DOCUMENT_MAX]])
        results: list[Found] = []
        broken: list[Broken] = []
        per_document: Counter[str] = Counter()
        crowded_out = 0
        for ranked in fused:
            hit = ranked.hit
            if len(results) == limit:
                break
            if per_document[hit.document_id] == limits.RESULTS_PER_DOCUMENT_MAX:
                crowded_out += 1
                continue
            try:
                results.append(Found(hit, open_chunk(self._opener, hit), ranked.standing))
                per_document[hit.document_id] += 1
            except Erased:
                # The key went before the news of the erasure came.
                self._dropped.labels(Refusal.ERASED.value).inc()
            except Integrity as error:
                self._dropped.labels(Refusal.BROKEN.value).inc()
                broken.append(Broken(hit, error.reason_code))
        return Retrieved(tuple(results), tuple(broken), self._index.has_terms(), 0, crowded_out)


def _depths(limit: int) -> Iterator[int]:
    """How many permitted hits of each list are fused: more when too few of them could be shown."""
    depth = min(max(limits.CANDIDATES_MIN, limits.CANDIDATES_FACTOR * limit), limits.FETCH_MAX)
    for _ in range(limits.FETCH_ROUNDS_MAX):
        yield depth
        depth = min(depth * limits.FETCH_FACTOR, limits.FETCH_MAX)


def _search_and_sift(
    search: Callable[[int], Sequence[Hit]], refuse: Refuse, fetch: int, depth: int
) -> tuple[int, _Listed, Counter[Refusal]]:
    """How many rows came, the first `depth` that the policy lets through, and why others were dropped."""
    found = search(fetch)
    hits: list[Hit] = []
    superseded: set[str] = set()
    dropped: Counter[Refusal] = Counter()
    for hit in found:
        if len(hits) == depth:
            break
        refusal = refuse(hit)
        if refusal is None:
            hits.append(hit)
            continue
        dropped[refusal] += 1
        if refusal is Refusal.SUPERSEDED:
            superseded.add(hit.chunk_id)
    return len(found), _Listed(tuple(hits), frozenset(superseded)), dropped
