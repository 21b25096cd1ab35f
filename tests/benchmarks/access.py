"""What access costs and how fast it changes: authorization of a query, labels that take effect, answers told apart."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from math import sqrt
from random import Random
from typing import Final

import httpx
import numpy as np
from freshness import FOUND_SECONDS_MAX, POLL_SECONDS, a_document
from measure import percentile
from report import Section, Table
from support.live import LiveStack

from staithe.cli.local import Who
from staithe.kernel.clock import SystemClock
from staithe.kernel.events import DocumentCurrent, DocumentSubmitted
from staithe.kernel.identity.verify import DiscoveredKeys, TokenVerifier
from staithe.kernel.ids import new_event_id
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.tls import client_context
from staithe.kernel.vocabulary import Access, ChunkId, Classification, DocumentId, Tier
from staithe.query.access_rules import NO_RULES
from staithe.query.policy import refuse_chunk
from staithe.stack.identities import issuer_url
from staithe.stack.services import AUDIENCE
from staithe.vectors.store.filters import permitted, render
from staithe.vectors.store.rows import StoredChunk

TENANT: Final = "harbour"
QUERIES: Final = 10_000
HITS: Final = 50
"""More than a search looks at by default."""
CHANGES: Final = 50
PAIRS: Final = 1_000
SUBJECTS: Final = 20
"""Callers that take turns, so that none meets its rate limit."""
NORMAL_95: Final = 1.96
AFTERWARDS: Final = 3
"""Searches after the first that no longer shows a document: none may show it again."""


def measure_access(stack: LiveStack) -> Section:
    """The whole section."""
    section = Section("access", "Access: what it costs, when it changes, what it tells")
    costs = asyncio.run(_costs(stack))
    effects = _effects(stack)
    absent, forbidden = _absent_and_forbidden(stack)
    rows = [
        _row("authorize a query: token, filter, 50 hits", costs),
        _row("labels changed: until no search shows it", effects),
        _row("answer of an absent document", absent),
        _row("answer of a forbidden document", forbidden),
    ]
    section.tables.append(Table(("what", "times", "p50", "p90", "p99"), rows))
    told, spread = _told_apart(absent, forbidden)
    section.notes.append(
        f"Authorization: signature and claims of the caller's token, the filter for the store, the policy on {HITS} "
        "hits, in one process (target: p99 below 2 ms)."
    )
    section.notes.append(
        f"Labels: {CHANGES} documents are published again one after the other with a tier that the caller does not "
        "have; searches follow each other from the send on (target: p99 below 1 s)."
    )
    section.notes.append(
        f"Absent and forbidden have the same bytes; by time alone a guess is right {told:.1%} of the time (50 % is "
        f"chance; without a difference 95 % of such runs stay below {spread:.1%}), over {PAIRS:,} requests of each, "
        "in random order."
    )
    return section


async def _costs(stack: LiveStack) -> list[float]:
    """Seconds that authorization takes for each of QUERIES queries."""
    local, clock = stack.local(), SystemClock()
    issuer = issuer_url(stack.ports)
    keys = DiscoveredKeys(issuer, client_context(stack.paths.services_authority), clock)
    verifier = TokenVerifier(issuer_url=issuer, audience=AUDIENCE, keys=keys, clock=clock)
    token, now_ms = local.token(Who(TENANT, groups=("finance", "people"))), clock.now_ms()
    hits = [_hit(number) for number in range(HITS)]
    await verifier.verify(token)
    seconds = []
    for _ in range(QUERIES):
        begin = time.perf_counter()
        caller = await verifier.verify(token)
        render(permitted(caller.tenant_id, caller.tier, caller.groups))
        refusals = [refuse_chunk(caller, *hit, now_ms=now_ms, model_digest=b"m", rules=NO_RULES) for hit in hits]
        seconds.append(time.perf_counter() - begin)
        if any(refusals):
            raise SystemExit("the caller should see every one of these")
    return seconds


def _hit(number: int) -> tuple[StoredChunk, DocumentCurrent]:
    _, event = a_document("hit", number)
    chunk = StoredChunk(
        chunk_id=ChunkId(f"{number:064x}"), tenant_id=event.tenant_id, document_id=event.document_id,
        document_version=event.document_version, ordinal=0, access=event.access, sealed_text=b"", text_sha256=bytes(32),
        span_start=0, span_end=1, model_digest=b"m", retention_until=None,
    )  # fmt: skip
    current = DocumentCurrent(
        tenant_id=event.tenant_id, document_id=event.document_id, document_version=event.document_version,
        access=event.access, residency="eu", content_sha256=bytes(32), erased=False, chunk_count=1, occurred_at=1,
    )  # fmt: skip
    return chunk, current


def _effects(stack: LiveStack) -> list[float]:
    """Seconds from before a change of labels is sent until a caller who lost the right is no longer shown it."""
    local = stack.local()
    codec = local.codec()
    publisher = Publisher(local.access("source"), codec)
    seconds = []
    tokens = _tokens(stack)
    with stack.client("query", None) as client:
        for number in range(CHANGES):
            title, event = a_document("relabelled", number)
            publisher.publish("documents.submitted.v1", event)
            _until(client, tokens, title, event.document_id, shown=True)
            begin = time.perf_counter()
            publisher.publish("documents.submitted.v1", _raised(event))
            _until(client, tokens, title, event.document_id, shown=False)
            seconds.append(time.perf_counter() - begin)
            for _ in range(AFTERWARDS):
                if _is_shown(client, tokens, title, event.document_id):
                    raise SystemExit(f"{event.document_id} was shown again after its labels had changed")
    publisher.close()
    codec.close()
    return seconds


def _raised(event: DocumentSubmitted) -> DocumentSubmitted:
    """The same document for tier 3 only, as a new version."""
    now_ms = SystemClock().now_ms()
    return replace(
        event, event_id=new_event_id(now_ms), occurred_at=now_ms,
        document_version=max(now_ms, event.document_version + 1),
        access=Access(Tier.ENGINEERING, (), Classification.RESTRICTED),
    )  # fmt: skip


def _until(client: httpx.Client, tokens: Iterator[str], title: str, document: DocumentId, *, shown: bool) -> None:
    deadline = time.monotonic() + FOUND_SECONDS_MAX
    while _is_shown(client, tokens, title, document) != shown:
        if time.monotonic() > deadline:
            raise SystemExit(f"{document} is still {'not shown' if shown else 'shown'} after {FOUND_SECONDS_MAX:.0f} s")
        time.sleep(POLL_SECONDS)


def _is_shown(client: httpx.Client, tokens: Iterator[str], title: str, document: DocumentId) -> bool:
    answer = client.post("/v1/search", json={"question": title, "limit": 50}, headers=_bearer(tokens))
    return any(each["document_id"] == document for each in answer.raise_for_status().json()["results"])


def _absent_and_forbidden(stack: LiveStack) -> tuple[list[float], list[float]]:
    """Seconds until the answer, for documents that are not there and for those that the caller may not see."""
    kinds = ["absent"] * PAIRS + ["forbidden"] * PAIRS
    Random(1).shuffle(kinds)  # noqa: S311 - an order, no secret
    seconds: dict[str, list[float]] = {"absent": [], "forbidden": []}
    bodies, tokens = set(), _tokens(stack)
    with stack.client("query", None) as client:
        for number, kind in enumerate(kinds):
            series = "relabelled" if kind == "forbidden" else "never-there"
            headers, begin = _bearer(tokens), time.perf_counter()
            answer = client.get(f"/v1/documents/{series}-{number % CHANGES}", headers=headers)
            seconds[kind].append(time.perf_counter() - begin)
            bodies.add((answer.status_code, answer.text.replace(answer.headers["X-Request-Id"], "")))
    if len(bodies) != 1:
        raise SystemExit("absent and forbidden documents are answered differently")
    return seconds["absent"], seconds["forbidden"]


def _told_apart(absent: Sequence[float], forbidden: Sequence[float]) -> tuple[float, float]:
    """How often one of each is put into the right order by its time (the Mann-Whitney statistic, whichever way it
    leans), and up to where that lies in 95 % of runs when the two do not differ."""
    ordered = np.sort(absent)
    below, upto = np.searchsorted(ordered, forbidden, "left"), np.searchsorted(ordered, forbidden, "right")
    right = float((below + upto).sum()) / 2 / len(absent) / len(forbidden)
    deviation = sqrt((len(absent) + len(forbidden) + 1) / 12 / len(absent) / len(forbidden))
    return max(right, 1 - right), 0.5 + NORMAL_95 * deviation


def _tokens(stack: LiveStack) -> Iterator[str]:
    """Tokens of callers that take turns."""
    return cycle([stack.local().token(Who(TENANT, subject=f"bench-{number}")) for number in range(SUBJECTS)])


def _bearer(tokens: Iterator[str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {next(tokens)}"}


def _row(what: str, seconds: Sequence[float]) -> list[str]:
    return [what, f"{len(seconds):,}", *(f"{percentile(seconds, rank) * 1000:,.2f} ms" for rank in (50, 90, 99))]
