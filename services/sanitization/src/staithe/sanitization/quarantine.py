"""What is held and how that ends: released by two reviewers, rejected by one or by time, or superseded.

`documents.held.v1` says where each document stands, and this service alone writes it. A review takes effect in the
transaction that writes the new state, so a second one about the same hold finds it settled; `settled_by` names the
review, so that one whose transaction was aborted takes effect when it is read again.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.crypto.signing import verify
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import DocumentEvent, DocumentIngested, DocumentQuarantined, Outcome
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.vocabulary import DocumentId, TenantId

HELD_TOPIC: Final = "documents.held.v1"
REVIEWER_BYTES: Final = 32


class KnownHolds(Protocol):
    """The newest known hold of each document."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentHeld | None: ...

    def apply(self, event: DocumentHeld) -> None:
        """Take in what this service itself decided, before it reads it back."""
        ...

    def catch_up(self) -> None:
        """Return when everything written so far has been read; raises Unavailable."""
        ...


class HeldRecords(Protocol):
    """What has been held."""

    def find(self, review: DocumentReviewed) -> DocumentQuarantined | None:
        """The held version that a review is about; None when it is no longer there; raises Unavailable."""
        ...


class Quarantine:
    """The state of every hold, and what a review may do to it."""

    def __init__(self, holds: KnownHolds, records: HeldRecords, *, reviewed_by: bytes, clock: Clock) -> None:
        """`reviewed_by` is the public key of ingestion, which verifies who the reviewers are."""
        self._holds, self._records = holds, records
        self._reviewed_by, self._clock = reviewed_by, clock
        self._audit = AuditAuthor("sanitization", clock)

    def held(self, event: DocumentQuarantined, review: DocumentReviewed | None = None) -> list[Emit]:
        """The word that `event` is held, unless a newer version is known; `review` released it and was not enough."""
        if self._newer_than(event.document_version, event):
            return []
        return self._now(
            event, HoldState.HELD, event_id=event.event_id, reason_codes=event.reason_codes,
            settled_by=review.event_id if review else "",
        )  # fmt: skip

    def passed(self, event: DocumentEvent) -> list[Emit]:
        """The word that an earlier hold is over because `event` went on: a newer version, or an erasure."""
        known = self._holds.get(event.tenant_id, event.document_id)
        if known is None or known.state is not HoldState.HELD or known.document_version > event.document_version:
            return []
        return self._now(event, HoldState.SUPERSEDED, event_id="")

    def released(self, event: DocumentEvent, review: DocumentReviewed) -> list[Emit]:
        """The word that a hold ended because two reviewers said so."""
        audit = self._audit.about_document(
            "document.released", event, attributes={"waived_reasons": ",".join(review.waived_reasons)}
        )
        return [
            *self._now(event, HoldState.RELEASED, event_id=review.held_event_id, settled_by=review.event_id),
            Emit(AUDIT_TOPIC, audit),
        ]

    def rejected(self, held: DocumentHeld, review: DocumentReviewed, reason_code: str) -> list[Emit]:
        """The word that a hold ended and the version will never pass."""
        audit = self._audit.about_document("document.rejected", held, outcome=Outcome.REFUSED, reason_code=reason_code)
        return [
            *self._now(
                held, HoldState.REJECTED, event_id=held.event_id, reason_codes=(reason_code,),
                settled_by=review.event_id,
            ),
            Emit(AUDIT_TOPIC, audit),
        ]  # fmt: skip

    def ignored(self, review: DocumentReviewed) -> list[Emit]:
        """The word that a review came to nothing: its hold is over, or was never there."""
        audit = self._audit.about_document(
            "document.review_ignored", review, outcome=Outcome.REFUSED, reason_code="NOT_HELD"
        )
        return [Emit(AUDIT_TOPIC, audit)]

    def hold_for(self, review: DocumentReviewed) -> DocumentHeld | None:
        """The hold that `review` is about, if it is still open (or was ended by this very review, not committed).

        Raises InvalidEvent when ingestion did not sign the review or the reviewers are not two, Unavailable when it
        is not known yet.
        """
        self._check(review)
        hold = self._open_hold(review)
        if hold is None:  # perhaps another replica held it a moment ago
            self._holds.catch_up()
            hold = self._open_hold(review)
        return hold

    def original(self, review: DocumentReviewed) -> DocumentIngested:
        """The held version as ingestion sent it; raises InvalidEvent when it is gone."""
        event = self._records.find(review)
        if event is None or not event.sealed_original:
            raise InvalidEvent("what was held is gone; publish the document again", reason_code="HELD_GONE")
        return DocumentIngested(
            event_id=event.event_id, tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=event.content_sha256, lineage=event.lineage, source=event.source,
            content_type=event.content_type, sealed_text=event.sealed_original, signals=event.signals,
        )  # fmt: skip

    def _open_hold(self, review: DocumentReviewed) -> DocumentHeld | None:
        known = self._holds.get(review.tenant_id, review.document_id)
        if known is None or known.document_version != review.document_version:
            return None
        if known.settled_by == review.event_id:
            return known
        is_open = known.state is HoldState.HELD and known.event_id == review.held_event_id
        return known if is_open else None

    def _check(self, review: DocumentReviewed) -> None:
        try:
            verify(self._reviewed_by, review.signature, review.signed_bytes())
        except Integrity as error:
            raise InvalidEvent("ingestion did not sign this review", reason_code="REVIEW_FORGED") from error
        if review.decision is Decision.RELEASED:
            two = {review.asked_by, review.decided_by}
            if len(two) != 2 or any(len(each) != REVIEWER_BYTES for each in two) or not review.waived_reasons:
                raise InvalidEvent("a release needs two reviewers and its reasons", reason_code="REVIEWERS_TOO_FEW")

    def _newer_than(self, version: int, event: DocumentEvent) -> bool:
        known = self._holds.get(event.tenant_id, event.document_id)
        return known is not None and known.document_version > version

    def _now(
        self, event: DocumentEvent | DocumentHeld, state: HoldState, *, event_id: str,
        reason_codes: Sequence[str] = (), settled_by: str = "",
    ) -> list[Emit]:  # fmt: skip
        hold = DocumentHeld(
            event_id=event_id, tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, access=event.access, state=state,
            reason_codes=tuple(reason_codes), settled_by=settled_by, occurred_at=self._clock.now_ms(),
        )  # fmt: skip
        self._holds.apply(hold)
        return [Emit(HELD_TOPIC, hold)]
