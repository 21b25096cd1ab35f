"""Fakes of the query service's ports, and a client that talks to the real web application over them."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.errors import AccessDenied, Integrity, StaitheError
from staithe.kernel.events import AuditEvent, DocumentCurrent, DocumentSubmitted, Event
from staithe.kernel.health import Health
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.telemetry import Headers, Metrics
from staithe.kernel.vocabulary import Access, ChunkId, Classification, DocumentId, TenantId, Tier
from staithe.query.access_rules import NO_RULES, AccessRules
from staithe.query.audit import AuditTrail, KeyedDigest
from staithe.query.http.chat import ChatHandlers
from staithe.query.http.evidence import EvidenceHandlers
from staithe.query.http.handlers import Handlers
from staithe.query.http.mcp.endpoint import McpEndpoint
from staithe.query.http.rates import RateLimiter
from staithe.query.http.recorded import RecordedQueries
from staithe.query.http.routes import query_application
from staithe.query.language.gateway import ProviderGateway
from staithe.query.language.registry import Provider
from staithe.query.language.writer import AnswerWriter, TokenBudget
from staithe.query.ports import Vector
from staithe.query.retrieval import Retriever
from staithe.query.stage import QueryStage
from staithe.query.worker import BoundedWorker
from staithe.vectors.store.filters import Filter
from staithe.vectors.store.rows import Hit, StoredChunk
from staithe.vectors.terms import Terms

NOW_MS = 1_790_000_000_000
MODEL = b"m" * 32
HARBOUR, MILLRACE = TenantId("harbour"), TenantId("millrace")


class FakeClock:
    now = NOW_MS

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000


class FakeEncoder:
    """Bags of hashed words, so that texts with the same words are near."""

    model_digest = MODEL

    def __init__(self) -> None:
        self.failure: StaitheError | None = None

    def encode(self, text: str) -> Vector:
        if self.failure:
            raise self.failure
        vector = np.full(384, 0.01, np.float32)
        for word in text.lower().replace("?", " ").replace(".", " ").split():
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % 384] += 1
        return vector / np.float32(np.linalg.norm(vector))

    def count_tokens(self, text: str) -> int:
        return len(text.split())


class FakeOpener:
    """Seals by prefixing the context: opens nothing that was moved or changed."""

    @staticmethod
    def seal(context: SealContext, text: bytes) -> bytes:
        return hashlib.sha256(context.info() + text).digest() + text

    def __init__(self) -> None:
        self.prepared: list[int] = []
        self.failure: StaitheError | None = None

    def prepare(self, blobs: Iterable[tuple[SealContext, bytes]]) -> None:
        if self.failure:
            raise self.failure
        self.prepared.append(len(list(blobs)))

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        if self.seal(context, sealed[32:]) != sealed:
            raise Integrity("sealed blob does not open in this context", reason_code="SEAL_BROKEN")
        return sealed[32:]


@dataclass
class FakeIndex:
    """Returns rows by likeness and ignores the filter: the policy alone must hold."""

    rows: list[tuple[StoredChunk, Vector]] = field(default_factory=list)
    words: dict[str, Terms] = field(default_factory=dict)
    """Of each chunk, by its id; a hybrid index has them."""
    hybrid: bool = False
    limits: list[int] = field(default_factory=list)
    failure: StaitheError | None = None

    def search(self, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        del wanted
        if self.failure:
            raise self.failure
        self.limits.append(limit)
        hits = [as_hit(row, float(vector @ other)) for row, other in self.rows]
        return sorted(hits, key=lambda each: -each.score)[:limit]

    def has_terms(self) -> bool:
        return self.hybrid

    def search_terms(self, terms: Terms, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        del wanted
        found = [
            replace(as_hit(row, float(vector @ other)), terms_score=float(len(terms.keys() & self.words[row.chunk_id])))
            for row, other in self.rows
        ]
        return sorted([each for each in found if each.terms_score], key=lambda each: -(each.terms_score or 0))[:limit]

    def fetch_document_chunks(
        self, tenant_id: TenantId, document_id: DocumentId, document_version: int
    ) -> Sequence[StoredChunk]:
        wanted = (tenant_id, document_id, document_version)
        return [row for row, _ in self.rows if (row.tenant_id, row.document_id, row.document_version) == wanted]


class FakeTerms:
    """Each word is its own dimension; fails as it is told to."""

    def __init__(self) -> None:
        self.failure: StaitheError | None = None

    def terms(self, tenant_id: TenantId, question: str) -> Terms:
        if self.failure:
            raise self.failure
        return terms_of(f"{tenant_id} {question}")


@dataclass
class FakeCurrent:
    documents: dict[tuple[str, str], DocumentCurrent] = field(default_factory=dict)
    ready: bool = True
    fatal: StaitheError | None = None

    def caught_up(self) -> bool:
        return self.ready

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentCurrent | None:
        return self.documents.get((tenant_id, document_id))


class FakePublisher:
    """Remembers what was accepted; `on_publish` sees each event at the moment it becomes durable."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, Event]] = []
        self.failures: dict[str, StaitheError] = {}
        self.on_publish: Callable[[], None] = lambda: None

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        del headers
        self.on_publish()
        if topic in self.failures:
            raise self.failures[topic]
        self.accepted.append((topic, event))

    def audited(self) -> list[AuditEvent]:
        return [event for _, event in self.accepted if isinstance(event, AuditEvent)]

    def submitted(self) -> list[DocumentSubmitted]:
        return [event for _, event in self.accepted if isinstance(event, DocumentSubmitted)]


class FakeLog:
    """Knows bundles by answer id, or fails."""

    def __init__(self) -> None:
        self.bundles: dict[str, bytes] = {}
        self.failure: StaitheError | None = None
        self.asked = 0

    async def fetch(self, answer_id: str) -> bytes | None:
        self.asked += 1
        if self.failure:
            raise self.failure
        return self.bundles.get(answer_id)


class FakeVerifier(TokenVerifier):
    """Knows callers by name."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        self.callers = callers

    async def verify(self, token: str, certificate: bytes | None = None) -> Caller:
        del certificate
        if token not in self.callers:
            raise AccessDenied("token is malformed or its signature is wrong", reason_code="TOKEN_INVALID")
        return self.callers[token]


def terms_of(text: str) -> Terms:
    words = text.lower().replace("?", " ").replace(".", " ").split()
    return {int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]): 1.0 for word in words}


def as_hit(row: StoredChunk, score: float) -> Hit:
    return Hit(**{name: getattr(row, name) for name in StoredChunk.__dataclass_fields__}, score=score)


def make_caller(
    tenant: str = HARBOUR, tier: int = 1, groups: Sequence[str] = (), scopes: str = "search read"
) -> Caller:
    return Caller(f"somebody@{tenant}", TenantId(tenant), Tier(tier), frozenset(groups), frozenset(scopes.split()))


def make_chunk(text: str, *, ordinal: int = 0, start: int = 0, current: DocumentCurrent, **changes: Any) -> StoredChunk:
    context = SealContext("chunk", current.tenant_id, current.document_id, current.document_version, str(ordinal))
    readable = Readable("name.md", "Title", text)
    chunk = StoredChunk(
        chunk_id=ChunkId(f"{current.tenant_id}{current.document_id}{current.document_version}-{ordinal}"),
        tenant_id=current.tenant_id, document_id=current.document_id, document_version=current.document_version,
        ordinal=ordinal, access=current.access, sealed_text=FakeOpener.seal(context, readable.encode()),
        text_sha256=hashlib.sha256(text.encode()).digest(), span_start=start, span_end=start + len(text),
        model_digest=MODEL, retention_until=None,
    )  # fmt: skip
    return replace(chunk, **changes)


def make_current(
    document: str = "leave", tenant: str = HARBOUR, *, version: int = 5, tier: int = 1, groups: Sequence[str] = (),
    erased: bool = False, retention_until: int | None = None, chunk_count: int = 1, residency: str = "eu",
    classification: Classification = Classification.INTERNAL,
) -> DocumentCurrent:  # fmt: skip
    return DocumentCurrent(
        tenant_id=TenantId(tenant), document_id=DocumentId(document), document_version=version,
        access=Access(Tier(tier), tuple(groups), classification), retention_until=retention_until,
        residency=residency, content_sha256=b"c" * 32, erased=erased, chunk_count=chunk_count,
        occurred_at=NOW_MS - 1000,
    )  # fmt: skip


class World:
    """The real application over fakes; it also carries the makers, because tests cannot import this file."""

    make_caller = staticmethod(make_caller)
    make_chunk = staticmethod(make_chunk)
    make_current = staticmethod(make_current)

    def __init__(
        self, *, quota: int = 100, provider: Provider | None = None, tokens_per_hour: int = 10_000,
        sign_in: Any = None, rules: AccessRules = NO_RULES, verifier: TokenVerifier | None = None,
    ) -> None:  # fmt: skip
        self.quota = quota
        self.clock, self.encoder, self.index = FakeClock(), FakeEncoder(), FakeIndex()
        self.opener = FakeOpener()
        self.current, self.publisher, self.metrics = FakeCurrent(), FakePublisher(), Metrics("query")
        self.callers = {
            "alice": make_caller(scopes="search read erase"),
            "reader": make_caller(scopes="read"),
            "mallory": make_caller(MILLRACE, tier=3, groups=["hr", "board"], scopes="search read erase"),
            "nobody": make_caller(scopes=""),
            "auditor": replace(make_caller(scopes="audit"), subject="auditor"),
            "bob": replace(make_caller(scopes="search"), subject="bob"),
        }
        self.workers = [BoundedWorker(name, threads=2, waiting_max=8) for name in ("encode", "search", "publish")]
        self.terms = FakeTerms()
        retriever = Retriever(
            index=self.index, opener=self.opener, current=self.current, terms=self.terms, model_digest=MODEL,
            clock=self.clock, metrics=self.metrics, searching=self.workers[1], rules=rules,
        )  # fmt: skip
        self.stage = QueryStage(
            encoder=self.encoder, retriever=retriever, index=self.index, opener=self.opener, current=self.current,
            clock=self.clock, encoding=self.workers[0], searching=self.workers[1], rules=rules,
        )  # fmt: skip
        health = Health(self.metrics)
        health.add("current_documents", self.current.caught_up)
        trail = AuditTrail(self.publisher, self.workers[2], self.clock, KeyedDigest(b"k" * 32))
        self.writer: AnswerWriter | None = None
        if provider is not None:
            gateway = ProviderGateway(provider, "provider-key", seconds_max=0.3, clock=self.clock)
            self.writer = AnswerWriter(
                provider, gateway, current=self.current, trail=trail, budget=TokenBudget(tokens_per_hour, self.clock),
                clock=self.clock, metrics=self.metrics, rules=rules,
            )  # fmt: skip
        queries = RecordedQueries(self.stage, trail, self.writer)
        handlers = Handlers(
            stage=self.stage, queries=queries, trail=trail, publisher=self.publisher, publishing=self.workers[2],
            clock=self.clock,
        )  # fmt: skip
        chat = ChatHandlers(queries=queries, encoder=self.encoder, clock=self.clock)
        mcp = McpEndpoint(queries, trail, structlog.get_logger())
        self.trail, self.log = trail, FakeLog()
        evidence = EvidenceHandlers(self.log, trail, self.clock)
        self.application = query_application(
            handlers=handlers, chat=chat, mcp=mcp, evidence=evidence, trail=trail,
            verifier=verifier or FakeVerifier(self.callers), sign_in=sign_in,
            issuer_url="https://issuer.example", ready=self.current.caught_up, health=health,
            limiter=RateLimiter(self.quota, self.clock), metrics=self.metrics,
            clock=self.clock, logger=structlog.get_logger(),
        )  # fmt: skip

    def add(self, text: str, **labels: Any) -> DocumentCurrent:
        """A document of one chunk, indexed and current."""
        current = make_current(**labels)
        self.put(make_chunk(text, current=current))
        self.current.documents[current.tenant_id, current.document_id] = current
        return current

    def put(self, chunk: StoredChunk) -> None:
        """A row in the index, whatever it claims."""
        try:
            text = Readable.decode(chunk.sealed_text[32:]).text
        except Integrity:
            text = chunk.sealed_text[32:].decode(errors="replace")
        self.index.rows.append((chunk, self.encoder.encode(text)))
        self.index.words[chunk.chunk_id] = terms_of(text)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


@pytest.fixture(scope="session")
def new_world() -> type[World]:
    return World


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    return lambda name: {"Authorization": f"Bearer {name}"}


@pytest.fixture
def world() -> Any:
    made = World()
    yield made
    made.close()


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(world.application)) as made:
        yield made
