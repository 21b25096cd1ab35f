"""Sanitizes one document: verify who sent it, open it, decide, and pass it on or hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import NOTHING_TO_READ, Readable
from staithe.kernel.crypto.sealing import KeysNeeded, Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import (
    DocumentIngested,
    DocumentQuarantined,
    DocumentSanitized,
    Event,
    Outcome,
    SanitizationRecorded,
)
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import LineageAuthor, LineageVerifier
from staithe.kernel.stopped import Decision, DocumentReviewed
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.kernel.vocabulary import Operation
from staithe.sanitization.document import SafeDocument, sanitize_document
from staithe.sanitization.engine import DetectionFailed, Engine
from staithe.sanitization.policy import DocumentLabels, Verdict
from staithe.sanitization.quarantine import Quarantine
from staithe.sanitization.record import RecordAuthor

SANITIZED_TOPIC = "documents.sanitized.v1"
QUARANTINED_TOPIC = "documents.quarantined.v1"
RECORDS_TOPIC = "sanitizations.recorded.v1"


@dataclass(frozen=True, slots=True)
class Held:
    """What goes into quarantine, and why."""

    readable: Readable
    counts: Mapping[str, int]
    reason_codes: tuple[str, ...]


class SanitizationStage:
    """documents.ingested.v1 → documents.sanitized.v1, or documents.quarantined.v1; and a record of what was done."""

    def __init__(
        self, engine: Engine, quarantine: Quarantine, *, opener: Opener, sealer: Sealer, verifier: LineageVerifier,
        author: LineageAuthor, records: RecordAuthor, clock: Clock,
    ) -> None:  # fmt: skip
        self._engine, self._quarantine, self._opener, self._sealer = engine, quarantine, opener, sealer
        self._verifier, self._author, self._records, self._clock = verifier, author, records, clock
        self._audit = AuditAuthor("sanitization", clock)

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if isinstance(event, DocumentReviewed):
            return self._review(event, traceparent_of(headers))
        if not isinstance(event, DocumentIngested):
            raise InvalidEvent("neither a DocumentIngested nor a DocumentReviewed", reason_code="EVENT_TYPE")
        return self._decide(event, traceparent_of(headers))

    def _review(self, review: DocumentReviewed, traceparent: str) -> list[Emit]:
        """What a reviewer's word, or the end of the time to review, does to a held version."""
        hold = self._quarantine.hold_for(review)
        if review.decision is Decision.ASKED:
            return []
        if hold is None:
            return self._quarantine.ignored(review)
        if review.decision is not Decision.RELEASED:
            return self._quarantine.rejected(hold, review, f"QUARANTINE_{review.decision.value}")
        original = self._quarantine.original(review)
        if original.retention_until is not None and original.retention_until <= self._clock.now_ms():
            return self._quarantine.rejected(hold, review, "RETENTION_OVER")
        return self._decide(original, traceparent, review)

    def _decide(self, event: DocumentIngested, traceparent: str, review: DocumentReviewed | None = None) -> list[Emit]:
        """Pass a document on or hold it; a `review` waives the reasons it names and no other."""
        readable = self._open(event)
        before = readable.digest()
        self._verifier.verify(event, output_sha256=before)
        try:
            document = self._judge(event, readable)
        except DetectionFailed as error:
            # Nothing is known of the text, so the operator gets it as it came. An erasure has none that could fail.
            held = Held(readable, {}, (error.reason_code,))
            return self._hold(event, held, before, traceparent, review=review)
        # An erasure is never held, whatever its name says: it must reach the index.
        if event.operation is Operation.ERASE or document.verdict is Verdict.PASS or self._waived(document, review):
            ended = self._quarantine.released(event, review) if review else self._quarantine.passed(event)
            return [*self._pass_on(event, document, before, traceparent), *ended]
        if document.verdict is Verdict.BLOCK:
            raise InvalidEvent("the policy blocks this document", reason_code=document.reason_codes[0])
        waived = review.waived_reasons if review else ()
        reasons = tuple(each for each in document.reason_codes if each not in waived)
        held = Held(_readable(document), document.counts, reasons)
        record = self._record(event, document, before, None)
        return [
            *self._hold(event, held, before, traceparent, record=record, review=review), Emit(RECORDS_TOPIC, record)
        ]  # fmt: skip

    @staticmethod
    def _waived(document: SafeDocument, review: DocumentReviewed | None) -> bool:
        """Whether two reviewers have waived every reason that holds the document."""
        return (
            review is not None
            and document.verdict is not Verdict.BLOCK
            and set(document.reason_codes) <= set(review.waived_reasons)
        )

    def _judge(self, event: DocumentIngested, readable: Readable) -> SafeDocument:
        labels = DocumentLabels(event.tenant_id, event.source, event.access.tier, event.access.classification)
        return sanitize_document(
            self._engine, labels, document_id=event.document_id, name=readable.name, title=readable.title,
            text=readable.text, signals=event.signals, content_type=event.content_type,
        )  # fmt: skip

    def _record(
        self, event: DocumentIngested, document: SafeDocument, before: bytes, after: bytes | None
    ) -> SanitizationRecorded:
        return self._records.record(
            event, document, policy_sha256=self._engine.policy.digest, detectors=self._engine.versions,
            input_sha256=before, output_sha256=after, now_ms=self._clock.now_ms(),
        )  # fmt: skip

    def _open(self, event: DocumentIngested) -> Readable:
        if event.operation is Operation.ERASE:
            self._opener.forget(event.tenant_id, event.document_id)
            return NOTHING_TO_READ
        try:
            return Readable.decode(self._opener.open(_context("document", event), event.sealed_text))
        except Integrity as error:
            raise InvalidEvent("the sealed text does not open", reason_code="SEAL_BROKEN") from error

    def _pass_on(self, event: DocumentIngested, document: SafeDocument, before: bytes, traceparent: str) -> list[Emit]:
        readable = _readable(document)
        after = readable.digest()
        sealed = b""
        if event.operation is Operation.UPSERT:
            sealed = self._sealer.seal(_context("sanitized", event), readable.encode())
        sanitized = DocumentSanitized(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, source=event.source, content_type=event.content_type,
            sealed_text=sealed, findings=document.counts,
            policy_sha256=self._engine.policy.digest,
            lineage=self._author.extended(event, event.lineage, input_sha256=before, output_sha256=after),
        )  # fmt: skip
        record = self._record(event, document, before, after)
        audit = self._audit.about_document(
            "document.sanitized", event, input_sha256=before, output_sha256=after, traceparent=traceparent,
            attributes={
                "finding_count": str(sum(document.counts.values())),
                "policy_sha256": self._engine.policy.digest.hex(), "record_sha256": record.record_sha256.hex(),
            },
        )  # fmt: skip
        return [Emit(SANITIZED_TOPIC, sanitized), Emit(AUDIT_TOPIC, audit), Emit(RECORDS_TOPIC, record)]

    def _hold(
        self, event: DocumentIngested, held: Held, before: bytes, traceparent: str, *,
        record: SanitizationRecorded | None = None, review: DocumentReviewed | None = None,
    ) -> list[Emit]:  # fmt: skip
        sealed = self._sealer.seal(_context("quarantine", event), held.readable.encode())
        quarantined = DocumentQuarantined(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, lineage=event.lineage, source=event.source,
            content_type=event.content_type, reason_codes=held.reason_codes, sealed_text=sealed,
            findings=held.counts, policy_sha256=self._engine.policy.digest, sealed_original=event.sealed_text,
            signals=event.signals,
        )  # fmt: skip
        recorded = {"record_sha256": record.record_sha256.hex()} if record else {}
        audit = self._audit.about_document(
            "document.quarantined", event, outcome=Outcome.REFUSED, reason_code=held.reason_codes[0],
            input_sha256=before, traceparent=traceparent,
            attributes={"policy_sha256": self._engine.policy.digest.hex(), **recorded},
        )  # fmt: skip
        told = self._quarantine.held(quarantined, review)
        return [Emit(QUARANTINED_TOPIC, quarantined), Emit(AUDIT_TOPIC, audit), *told]


def keys_needed(event: Event) -> KeysNeeded:
    """What the stage will open and seal for an event that it passes on."""
    if not isinstance(event, DocumentIngested) or event.operation is Operation.ERASE:
        return KeysNeeded()
    opens = (_context("document", event), event.sealed_text)
    return KeysNeeded(opens=(opens,), seals=(_context("sanitized", event),))


def _readable(document: SafeDocument) -> Readable:
    return Readable(document.name, document.title, document.text)


def _context(purpose: str, event: DocumentIngested) -> SealContext:
    return SealContext(purpose, event.tenant_id, event.document_id, event.document_version)
