"""Makes audit events, so that every service words them alike and none can put content into one."""

from collections.abc import Mapping
from typing import Protocol

from staithe.kernel.clock import Clock
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import DocumentId, TenantId


class AboutVersion(Protocol):
    """Whatever names a version of a document: most events do."""

    @property
    def tenant_id(self) -> TenantId: ...
    @property
    def document_id(self) -> DocumentId: ...
    @property
    def document_version(self) -> int: ...


class AuditAuthor:
    """Writes audit events in the name of one service."""

    def __init__(self, service: str, clock: Clock) -> None:
        self._service, self._clock = service, clock

    def about_document(
        self, action: str, event: AboutVersion, *, outcome: Outcome = Outcome.SUCCESS,
        reason_code: str = "", input_sha256: bytes | None = None, output_sha256: bytes | None = None,
        traceparent: str = "", attributes: Mapping[str, str] | None = None, event_id: str = "",
    ) -> AuditEvent:  # fmt: skip
        """An event about one version of one document; the document appears as a digest only.

        With an `event_id` of the caller's, the same action noted twice is one entry in the log.
        """
        now = self._clock.now_ms()
        return AuditEvent(
            event_id=event_id or new_event_id(now), occurred_at=now, service=self._service, action=action,
            outcome=outcome, reason_code=reason_code, tenant_id=event.tenant_id,
            subject_sha256=document_subject(event.tenant_id, event.document_id),
            document_version=event.document_version, input_sha256=input_sha256, output_sha256=output_sha256,
            traceparent=traceparent, attributes=attributes or {},
        )  # fmt: skip

    def about_record(
        self, action: str, *, reason_code: str, attributes: Mapping[str, str], outcome: Outcome = Outcome.FAILURE
    ) -> AuditEvent:
        """An event about a record that could not be read, such as one that was dead-lettered."""
        now = self._clock.now_ms()
        return AuditEvent(
            event_id=new_event_id(now), occurred_at=now, service=self._service, action=action,
            outcome=outcome, reason_code=reason_code, attributes=attributes,
        )  # fmt: skip
