"""What time does: retention erases, an open hold is rejected; not before, and to the same effect when repeated."""

from dataclasses import dataclass, field, replace

import pytest

from staithe.ingestion.policy import check_submitted
from staithe.ingestion.review import REVIEWED_TOPIC, ReviewAuthor
from staithe.ingestion.sweep import Sweeper
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError, Unavailable
from staithe.kernel.events import AuditEvent, DocumentCurrent, DocumentSubmitted, Event
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState
from staithe.kernel.telemetry import Headers
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
ACCESS = Access(Tier.ANALYTICS, ("hr",), Classification.CONFIDENTIAL)
CURRENT = DocumentCurrent(
    tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=5, residency="uk", access=ACCESS,
    content_sha256=b"c" * 32, erased=False, chunk_count=3, occurred_at=1, retention_until=NOW_MS,
)  # fmt: skip
HELD = DocumentHeld(
    event_id="held-1", tenant_id=TenantId("harbour"), document_id=DocumentId("held"), document_version=5, access=ACCESS,
    state=HoldState.HELD, reason_codes=("PROMPT_INJECTION",), occurred_at=NOW_MS - HOUR_MS,
)  # fmt: skip
SIGNER = Signer.generate()


@dataclass
class World:
    """What is known, the time, and what was sent."""

    current: list[DocumentCurrent] = field(default_factory=list)
    held: list[DocumentHeld] = field(default_factory=list)
    word: DocumentReviewed | None = None
    now: int = NOW_MS
    sent: list[tuple[str, Event]] = field(default_factory=list)
    failure: StaitheError | None = None

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return 0.0

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentReviewed | None:
        assert (tenant_id, document_id) == (HELD.tenant_id, HELD.document_id)
        return self.word

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        if self.failure:
            raise self.failure
        assert headers == ()
        self.sent.append((topic, event))

    def replica(self) -> Sweeper:
        return Sweeper(
            self, current=lambda: self.current, held=lambda: self.held, reviewed=self,
            author=ReviewAuthor(SIGNER, self), audit=AuditAuthor("ingestion", self), hold_ms_max=HOUR_MS, clock=self,
        )  # fmt: skip


def test_document_past_its_retention_is_erased_as_anybody_would() -> None:
    world = World([CURRENT])
    assert world.replica().sweep() == 1
    (_, audit), (topic, erasure) = world.sent
    assert isinstance(audit, AuditEvent)
    assert (audit.action, audit.reason_code, audit.document_version) == (
        "document.retention_over", "RETENTION_OVER", 5,
    )  # fmt: skip
    assert isinstance(erasure, DocumentSubmitted)
    assert (topic, erasure.operation, erasure.document_version) == ("documents.submitted.v1", Operation.ERASE, 5)
    assert check_submitted(erasure, now_ms=NOW_MS) == ACCESS
    assert (erasure.residency, erasure.content) == ("uk", b"")


@pytest.mark.parametrize(
    "kept",
    [
        replace(CURRENT, retention_until=NOW_MS + 1),
        replace(CURRENT, retention_until=None),
        replace(CURRENT, erased=True),
    ],
)
def test_document_that_may_be_kept_or_is_gone_is_left(kept: DocumentCurrent) -> None:
    world = World([kept])
    assert world.replica().sweep() == 0
    assert world.sent == []


def test_document_is_erased_when_its_time_comes() -> None:
    world = World([replace(CURRENT, retention_until=NOW_MS + 1)])
    replica = world.replica()
    assert replica.sweep() == 0
    world.now += 1
    assert (replica.sweep(), replica.sweep()) == (1, 0)


def test_restarted_and_second_replicas_send_the_very_same_events() -> None:
    world = World([CURRENT])
    world.replica().sweep()
    first, world.sent = world.sent, []
    world.now += 60_000
    world.replica().sweep()
    ids = [[event.event_id for _, event in sent] for sent in (first, world.sent)]  # type: ignore[union-attr]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_newer_version_has_a_time_of_its_own() -> None:
    world = World([CURRENT])
    replica = world.replica()
    replica.sweep()
    world.current = [replace(CURRENT, document_version=6)]
    assert replica.sweep() == 1
    erased = [event.document_version for _, event in world.sent if isinstance(event, DocumentSubmitted)]
    assert erased == [5, 6]


def test_what_could_not_be_sent_is_due_again() -> None:
    world = World([CURRENT], [HELD])
    replica = world.replica()
    world.failure = Unavailable("x")
    with pytest.raises(Unavailable):
        replica.sweep()
    world.failure = None
    assert replica.sweep() == 2


def test_open_hold_is_rejected_when_its_time_is_over() -> None:
    world = World([], [HELD, replace(HELD, occurred_at=NOW_MS - HOUR_MS + 1)])
    assert world.replica().sweep() == 1
    ((topic, review),) = world.sent
    assert isinstance(review, DocumentReviewed)
    assert (topic, review.decision, review.held_event_id) == (REVIEWED_TOPIC, Decision.EXPIRED, "held-1")
    assert (review.asked_by, review.decided_by) == (b"", b"")


def test_hold_that_somebody_only_asked_about_expires_too() -> None:
    world = World([], [HELD])
    world.word = ReviewAuthor(SIGNER, world).review(HELD, Decision.ASKED, asked_by=b"a" * 32)
    assert world.replica().sweep() == 1


@pytest.mark.parametrize("decision", [Decision.RELEASED, Decision.REJECTED, Decision.EXPIRED])
def test_hold_that_was_decided_is_left(decision: Decision) -> None:
    world = World([], [HELD])
    world.word = ReviewAuthor(SIGNER, world).review(HELD, decision)
    assert world.replica().sweep() == 0


@pytest.mark.parametrize("state", [HoldState.RELEASED, HoldState.REJECTED, HoldState.SUPERSEDED])
def test_hold_that_is_over_is_left(state: HoldState) -> None:
    assert World([], [replace(HELD, state=state)]).replica().sweep() == 0
