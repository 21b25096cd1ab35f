"""What time does to documents: an open hold is rejected after a while, and a document past its retention is erased.

Every replica sweeps; each event it makes follows from what it is about, so that a second one changes nothing: the
audit log keeps one entry for each event id, a settled hold stays settled, and an erased version stays erased.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from staithe.ingestion.review import REVIEWED_TOPIC, ReviewAuthor, is_open, pending
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.events import DocumentCurrent, DocumentSubmitted
from staithe.kernel.ids import derived_event_id
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed
from staithe.kernel.stream.producer import EventPublisher
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.vocabulary import DocumentId, Operation, TenantId

SUBMITTED_TOPIC: Final = "documents.submitted.v1"
SWEEP_SECONDS: Final = 10.0
"""How late an erasure, a rejection or the end of an object may be: a pass reads a table in memory or one listing."""
RETENTION_REASON: Final = "RETENTION_OVER"
RETENTION_SOURCE: Final = "staithe-retention"


class Newest(Protocol):
    """The newest word on each held document."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentReviewed | None: ...


class Sweeper:
    """One pass over what is known; the caller repeats it."""

    def __init__(
        self, publisher: EventPublisher, *, current: Callable[[], Iterable[DocumentCurrent]],
        held: Callable[[], Iterable[DocumentHeld]], reviewed: Newest, author: ReviewAuthor, audit: AuditAuthor,
        hold_ms_max: int, clock: Clock,
    ) -> None:  # fmt: skip
        self._publisher, self._current, self._held, self._reviewed = publisher, current, held, reviewed
        self._author, self._audit, self._hold_ms_max, self._clock = author, audit, hold_ms_max, clock
        self._sent: dict[bytes, int] = {}

    def sweep(self) -> int:
        """Send what is due now; returns how much that was. Raises Unavailable or AccessDenied: call again later."""
        now = self._clock.now_ms()
        expired = [each for each in self._held() if self._is_expired(each, now)]
        for held in expired:
            self._publisher.publish(REVIEWED_TOPIC, self._author.review(held, Decision.EXPIRED))
        over = [each for each in self._current() if self._is_over(each, now)]
        for current in over:
            self._erase(current)
        return len(expired) + len(over)

    def _is_expired(self, held: DocumentHeld, now: int) -> bool:
        if not is_open(held) or held.occurred_at + self._hold_ms_max > now:
            return False
        word = pending(held, self._reviewed.get(held.tenant_id, held.document_id))
        return word is None or word.decision is Decision.ASKED

    def _is_over(self, current: DocumentCurrent, now: int) -> bool:
        if current.erased:
            self._sent.pop(current.key, None)
            return False
        until = current.retention_until
        return until is not None and until <= now and self._sent.get(current.key) != current.document_version

    def _erase(self, current: DocumentCurrent) -> None:
        """The same erasure as anybody's, of the version that expired: a newer one, which may be kept longer, stands."""
        assert current.retention_until is not None  # noqa: S101 - _is_over has seen it
        seed = b"retention\0%s\0%d" % (current.key, current.document_version)
        audit = self._audit.about_document(
            "document.retention_over", current, reason_code=RETENTION_REASON,
            attributes={"retention_until": str(current.retention_until)},
            event_id=derived_event_id(current.retention_until, b"audit\0" + seed),
        )  # fmt: skip
        erasure = DocumentSubmitted(
            event_id=derived_event_id(current.retention_until, seed), tenant_id=current.tenant_id,
            document_id=current.document_id, document_version=current.document_version, operation=Operation.ERASE,
            occurred_at=current.retention_until, access=current.access, residency=current.residency,
            source=RETENTION_SOURCE,
        )  # fmt: skip
        self._publisher.publish(AUDIT_TOPIC, audit)
        self._publisher.publish(SUBMITTED_TOPIC, erasure)
        self._sent[current.key] = current.document_version
