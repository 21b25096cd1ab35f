"""Sanitizes one document: verify who sent it, open it, decide, and pass it on or hold it."""

import json
from collections.abc import Sequence
from typing import Any

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import text_digest
from staithe.kernel.crypto.sealing import Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import DocumentIngested, DocumentQuarantined, DocumentSanitized, Event, Outcome
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import LineageAuthor, LineageVerifier
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.kernel.vocabulary import Operation
from staithe.sanitization.policy import POLICY_SHA256, Sanitizer, Verdict

SANITIZED_TOPIC = "documents.sanitized.v1"
QUARANTINED_TOPIC = "documents.quarantined.v1"


class SanitizationStage:
    """documents.ingested.v1 → documents.sanitized.v1, or documents.quarantined.v1."""

    def __init__(
        self, sanitizer: Sanitizer, *, opener: Opener, sealer: Sealer, verifier: LineageVerifier, author: LineageAuthor,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._sanitizer, self._opener, self._sealer = sanitizer, opener, sealer
        self._verifier, self._author, self._clock = verifier, author, clock
        self._audit = AuditAuthor("sanitization", clock)

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if not isinstance(event, DocumentIngested):
            raise InvalidEvent("not a DocumentIngested", reason_code="EVENT_TYPE")
        title, text = self._open(event)
        before = text_digest(name=event.name, title=title, text=text)
        self._verifier.verify(event, output_sha256=before)
        verdict = self._sanitizer.decide(name=event.name, title=title, text=text)
        traceparent = traceparent_of(headers)
        # An erasure is never held, whatever its name says: it must reach the index.
        if verdict.reason_codes and event.operation is Operation.UPSERT:
            return self._hold(event, verdict, before, traceparent)
        return self._pass_on(event, verdict, before, traceparent)

    def _open(self, event: DocumentIngested) -> tuple[str, str]:
        if event.operation is Operation.ERASE:
            return "", ""
        context = SealContext("document", event.tenant_id, event.document_id, event.document_version)
        try:
            opened: dict[str, Any] = json.loads(self._opener.open(context, event.sealed_text))
            return str(opened["title"]), str(opened["text"])
        except (Integrity, ValueError, KeyError, TypeError) as error:
            raise InvalidEvent("the sealed text does not open", reason_code="SEAL_BROKEN") from error

    def _pass_on(self, event: DocumentIngested, verdict: Verdict, before: bytes, traceparent: str) -> list[Emit]:
        after = text_digest(name=verdict.name, title=verdict.title, text=verdict.text)
        sanitized = DocumentSanitized(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, source=event.source, name=verdict.name, title=verdict.title,
            content_type=event.content_type, text=verdict.text, findings=verdict.findings, policy_sha256=POLICY_SHA256,
            lineage=self._author.extended(event, event.lineage, input_sha256=before, output_sha256=after),
        )  # fmt: skip
        audit = self._audit.about_document(
            "document.sanitized", event, input_sha256=before, output_sha256=after, traceparent=traceparent,
            attributes={"finding_count": str(sum(verdict.findings.values())), "policy_sha256": POLICY_SHA256.hex()},
        )  # fmt: skip
        return [Emit(SANITIZED_TOPIC, sanitized), Emit(AUDIT_TOPIC, audit)]

    def _hold(self, event: DocumentIngested, verdict: Verdict, before: bytes, traceparent: str) -> list[Emit]:
        body = json.dumps({"name": verdict.name, "title": verdict.title, "text": verdict.text}).encode()
        context = SealContext("quarantine", event.tenant_id, event.document_id, event.document_version)
        sealed = self._sealer.seal(context, body)
        held = DocumentQuarantined(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, lineage=event.lineage, source=event.source, name=verdict.name,
            content_type=event.content_type, reason_codes=verdict.reason_codes, sealed_text=sealed,
            findings=verdict.findings, policy_sha256=POLICY_SHA256,
        )  # fmt: skip
        audit = self._audit.about_document(
            "document.quarantined", event, outcome=Outcome.REFUSED, reason_code=verdict.reason_codes[0],
            input_sha256=before, traceparent=traceparent, attributes={"policy_sha256": POLICY_SHA256.hex()},
        )  # fmt: skip
        return [Emit(QUARANTINED_TOPIC, held), Emit(AUDIT_TOPIC, audit)]
