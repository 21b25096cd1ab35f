"""One full example of every event, and the fakes that kernel tests share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from staithe.kernel.errors import StaitheError
from staithe.kernel.events import (
    AuditEvent,
    Chunk,
    ChunksEmbedded,
    ContentClaim,
    DeadLettered,
    DocumentCurrent,
    DocumentIndexed,
    DocumentIngested,
    DocumentQuarantined,
    DocumentSanitized,
    DocumentSubmitted,
    Erasure,
    Event,
    LineageStep,
    Outcome,
    SanitizationRecorded,
)
from staithe.kernel.stopped import (
    DeadLetterSettled,
    Decision,
    DocumentHeld,
    DocumentRefused,
    DocumentReviewed,
    HoldState,
    LetterState,
    RefusalState,
)
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "schemas"
TOPOLOGY = ROOT / "topology.yaml"
NOW_MS = 1_790_000_000_000
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

ACCESS = Access(Tier.ANALYTICS, ("board", "hr"), Classification.CONFIDENTIAL)
STEP = LineageStep(
    service="ingestion", code_version="ingestion/0.1.0", input_sha256=b"i" * 32, output_sha256=b"o" * 32,
    signature=b"s" * 64,
)  # fmt: skip
IDENTITY: dict[str, Any] = {
    "event_id": "01890000-0000-7000-8000-000000000000", "tenant_id": TenantId("harbour"),
    "document_id": DocumentId("leave-policy"), "document_version": 7,
}  # fmt: skip
DOCUMENT: dict[str, Any] = IDENTITY | {
    "operation": Operation.UPSERT, "occurred_at": NOW_MS, "access": ACCESS, "retention_until": NOW_MS + 1,
    "residency": "eu", "content_sha256": b"c" * 32, "lineage": (STEP,),
}  # fmt: skip
CHUNK = Chunk(
    ordinal=0, span_start=0, span_end=4, text_sha256=b"t" * 32, sealed_text=b"sealed", embedding=b"\0\0\x80\x3f",
    terms=b"\x01\0\0\0\0\0\x80\x3f",
)  # fmt: skip

EXAMPLES: dict[str, Event] = {
    "documents/submitted.v1": DocumentSubmitted(
        **IDENTITY, operation=Operation.ERASE, occurred_at=NOW_MS, access=ACCESS, retention_until=NOW_MS + 1,
        residency="uk", content_sha256=b"c" * 32, source="wiki", name="Ferienpläne.md", content_type="text/markdown",
        content=b"\x00\xff bytes", sealed_content=b"sealed",
        claim=ContentClaim(sealed_bytes=6, sealed_sha256=b"s" * 32),
    ),
    "documents/ingested.v1": DocumentIngested(
        **DOCUMENT, source="wiki", content_type="text/markdown", sealed_text=b"sealed",
        signals={"pages": 3},
    ),
    "documents/sanitized.v1": DocumentSanitized(
        **DOCUMENT, source="wiki", content_type="text/markdown", sealed_text=b"sealed",
        findings={"EMAIL": 2}, policy_sha256=b"p" * 32,
    ),
    "documents/quarantined.v1": DocumentQuarantined(
        **DOCUMENT, source="wiki", content_type="text/markdown", reason_codes=("PROMPT_INJECTION",),
        sealed_text=b"sealed", findings={"EMAIL": 2}, policy_sha256=b"p" * 32, sealed_original=b"sealed",
        signals={"HIDDEN": 1},
    ),
    "chunks/embedded.v1": ChunksEmbedded(
        **DOCUMENT, source="wiki", model_digest=b"m" * 32, dimensions=1,
        chunks=(CHUNK, CHUNK),
    ),
    "documents/indexed.v1": DocumentIndexed(**DOCUMENT, source="wiki", model_digest=b"m" * 32, chunk_count=2),
    "documents/current.v1": DocumentCurrent(
        tenant_id=TenantId("harbour"), document_id=DocumentId("leave-policy"), document_version=7, access=ACCESS,
        retention_until=NOW_MS + 1, residency="eu", content_sha256=b"c" * 32, erased=True, chunk_count=2,
        occurred_at=NOW_MS,
        erasure=Erasure(event_id="e", keys_event_id="k", completed_at=NOW_MS, rows_removed=4, secrets_destroyed=2),
    ),
    "sanitizations/recorded.v1": SanitizationRecorded(
        **IDENTITY, occurred_at=NOW_MS, record=b"{}", record_sha256=b"r" * 32, signature=b"s" * 64
    ),
    "audit/events.v1": AuditEvent(
        event_id=IDENTITY["event_id"], occurred_at=NOW_MS, service="ingestion", action="document.ingested",
        outcome=Outcome.REFUSED, reason_code="X_Y", tenant_id="harbour", subject_sha256=b"s" * 32, document_version=7,
        input_sha256=b"i" * 32, output_sha256=b"o" * 32, traceparent=TRACEPARENT, attributes={"topic": "t"},
    ),
    "dead_letters/recorded.v1": DeadLettered(
        event_id=IDENTITY["event_id"], occurred_at=NOW_MS, service="ingestion", topic="documents.submitted.v1",
        partition=3, offset=99, reason_code="DOCUMENT_EMPTY", message="the document is empty", sealed_record=b"sealed",
        record_sha256=b"r" * 32, record_bytes=12, traceparent=TRACEPARENT, sealed_format=2, tenant_id="harbour",
        document_id="leave-policy",
    ),
    "documents/held.v1": DocumentHeld(
        **IDENTITY, access=ACCESS, state=HoldState.RELEASED, reason_codes=("PROMPT_INJECTION",), settled_by="r",
        occurred_at=NOW_MS,
    ),
    "documents/reviewed.v1": DocumentReviewed(
        **IDENTITY, held_event_id="h", decision=Decision.RELEASED, waived_reasons=("PROMPT_INJECTION",),
        asked_by=b"a" * 32, decided_by=b"d" * 32, occurred_at=NOW_MS, signature=b"s" * 64,
    ),
    "documents/refused.v1": DocumentRefused(
        **IDENTITY, access=ACCESS, state=RefusalState.REPLAYED, service="embedding", reason_code="X_Y",
        occurred_at=NOW_MS,
    ),
    "dead_letters/settled.v1": DeadLetterSettled(
        event_id=IDENTITY["event_id"], state=LetterState.DROPPED, topic="documents.submitted.v1", partition=3,
        offset=99, occurred_at=NOW_MS, replays=2, reason="duplicate",
    ),
}  # fmt: skip


@dataclass
class FakeClock:
    """Time that tests move."""

    ms: int = NOW_MS
    seconds: float = 1000.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.seconds


class FakeLogger:
    """Remembers every line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level not in ("debug", "info", "warning", "error"):
            raise AttributeError(level)
        return lambda event, **fields: self.lines.append((level, event, fields))

    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]


def reason(refusal: pytest.ExceptionInfo[StaitheError]) -> str:
    return refusal.value.reason_code
