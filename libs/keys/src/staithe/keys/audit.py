"""The key service's audit events: what was destroyed, rotated and refused, and by whom. Making keys is not audited."""

from typing import Final

from staithe.kernel.clock import Clock
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.ids import new_event_id
from staithe.kernel.stream.producer import EventPublisher
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.keys import wire
from staithe.keys.limits import DENIALS_AUDITED_PER_MINUTE_MAX

SERVICE: Final = "keys"


class KeyTrail:
    """Returns once an event is durable; raises Unavailable or AccessDenied otherwise. Safe on several threads."""

    def __init__(self, publisher: EventPublisher, clock: Clock) -> None:
        self._publisher, self._clock = publisher, clock
        self._minute, self._recorded = -1, 0

    def shredded(self, principal: str, version: wire.Version, outcome: wire.Shredded) -> None:
        """Under the id that the tombstone carries: however often it is asked for, the log has one leaf."""
        event = AuditEvent(
            event_id=outcome.event_id, occurred_at=outcome.shredded_at, service=SERVICE, action="keys.shredded",
            outcome=Outcome.SUCCESS, tenant_id=version.tenant_id,
            subject_sha256=document_subject(TenantId(version.tenant_id), DocumentId(version.document_id)),
            document_version=outcome.document_version,
            attributes={"principal": principal, "secret_count": str(outcome.secrets)},
        )  # fmt: skip
        self._publisher.publish(AUDIT_TOPIC, event)

    def rotated(self, principal: str, tenant_id: str, outcome: wire.Rotated) -> None:
        """A tenant has a new key, and the old one is gone."""
        attributes = {
            "principal": principal, "key_version": str(outcome.key_version), "secret_count": str(outcome.secrets)
        }  # fmt: skip
        self._publish("keys.rotated", Outcome.SUCCESS, tenant_id, "", attributes)

    def denied(self, principal: str, reason_code: str) -> None:
        """At most DENIALS_AUDITED_PER_MINUTE_MAX a minute."""
        minute = self._clock.now_ms() // 60_000
        if minute != self._minute:
            self._minute, self._recorded = minute, 0
        self._recorded += 1
        if self._recorded <= DENIALS_AUDITED_PER_MINUTE_MAX:
            self._publish("keys.denied", Outcome.REFUSED, "", reason_code, {"principal": principal})

    def _publish(
        self, action: str, outcome: Outcome, tenant_id: str, reason_code: str, attributes: dict[str, str]
    ) -> None:
        now = self._clock.now_ms()
        event = AuditEvent(
            event_id=new_event_id(now), occurred_at=now, service=SERVICE, action=action, outcome=outcome,
            reason_code=reason_code, tenant_id=tenant_id, attributes=attributes,
        )  # fmt: skip
        self._publisher.publish(AUDIT_TOPIC, event)
