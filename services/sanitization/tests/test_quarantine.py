"""Quarantine: a hold ends once, by two reviewers, by one, by time, or by a newer version; nothing else ends it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from stage_samples import INJECTION, KEY, NOW_MS, SIGNERS, TO_SANITIZATION, Service, ingested, opened

from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent, DocumentIngested, DocumentQuarantined, DocumentSanitized
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState
from staithe.kernel.stream.settle import Emit
from staithe.kernel.vocabulary import DocumentId, Operation
from staithe.sanitization.stage import SANITIZED_TOPIC

ALICE, BOB = b"a" * 32, b"b" * 32


def held(service: Service, event: DocumentIngested | None = None) -> DocumentQuarantined:
    (found,) = [each.event for each in service(event or ingested("Title", f"{INJECTION} jane@b.example"))][:1]
    assert isinstance(found, DocumentQuarantined)
    return found


def review(of: DocumentQuarantined, decision: Decision = Decision.RELEASED, **changes: Any) -> DocumentReviewed:
    given: dict[str, Any] = {"waived_reasons": of.reason_codes, "asked_by": ALICE, "decided_by": BOB, **changes}
    unsigned = DocumentReviewed(**{
        "event_id": "review-1", "tenant_id": of.tenant_id, "document_id": of.document_id,
        "document_version": of.document_version, "held_event_id": of.event_id, "decision": decision,
        "occurred_at": NOW_MS, **given,
    })  # fmt: skip
    return replace(unsigned, signature=SIGNERS["ingestion"].sign(unsigned.signed_bytes()))


def at_version(version: int, text: str) -> bytes:
    context = SealContext("document", "harbour", "leave", version)
    return TO_SANITIZATION.seal(context, Readable("leave.md", "Leave", text).encode())


def actions(emits: Sequence[Emit]) -> list[str]:
    return [each.event.action for each in emits if isinstance(each.event, AuditEvent)]


def states(emits: Sequence[Emit]) -> list[HoldState]:
    return [each.event.state for each in emits if isinstance(each.event, DocumentHeld)]


def sanitized(emits: Sequence[Emit]) -> list[DocumentSanitized]:
    return [each.event for each in emits if isinstance(each.event, DocumentSanitized)]


def test_hold_is_told_without_content() -> None:
    service = Service()
    event = held(service)
    hold = service.holds.get(event.tenant_id, event.document_id)
    assert hold is not None
    assert (hold.state, hold.event_id, hold.reason_codes) == (HoldState.HELD, event.event_id, ("PROMPT_INJECTION",))
    assert "jane" not in repr(hold)


def test_released_version_goes_on_masked_and_signed() -> None:
    service = Service()
    emits = service(review(held(service)))
    (event,) = sanitized(emits)
    assert opened(event).text == f"{INJECTION} [EMAIL]"
    assert (opened(event).title, event.document_version, event.access) == ("Title", 5, ingested().access)
    assert [step.service for step in event.lineage] == ["ingestion", "sanitization"]
    assert actions(emits) == ["document.sanitized", "document.released"]
    assert states(emits) == [HoldState.RELEASED]


def test_release_waives_its_reasons_only() -> None:
    service = Service()
    event = held(service, ingested("Title", f"{INJECTION} {KEY}"))
    assert event.reason_codes == ("PRIVATE_KEY_FOUND", "PROMPT_INJECTION")
    emits = service(review(event, waived_reasons=("PROMPT_INJECTION",)))
    assert sanitized(emits) == []
    again = emits[0].event
    assert isinstance(again, DocumentQuarantined)
    assert again.reason_codes == ("PRIVATE_KEY_FOUND",)
    assert states(emits) == [HoldState.HELD]
    # The rest needs a release of its own, about the new hold.
    assert sanitized(service(review(event, event_id="review-2"))) == []
    assert len(sanitized(service(review(again, event_id="review-3", waived_reasons=event.reason_codes)))) == 1


def test_second_release_of_the_same_hold_comes_to_nothing() -> None:
    service = Service()
    event = held(service)
    assert len(sanitized(service(review(event)))) == 1
    again = service(review(event, event_id="review-2"))
    assert (sanitized(again), actions(again)) == ([], ["document.review_ignored"])


def test_release_whose_transaction_was_aborted_takes_effect_when_it_is_read_again() -> None:
    service = Service()
    event = held(service)
    first, second = service(review(event)), service(review(event))
    assert [each.topic for each in first] == [each.topic for each in second]
    assert len(sanitized(second)) == 1


@pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.EXPIRED])
def test_rejected_hold_ends_and_cannot_be_released(decision: Decision) -> None:
    service = Service()
    event = held(service)
    emits = service(review(event, decision, asked_by=b""))
    assert (states(emits), actions(emits)) == ([HoldState.REJECTED], ["document.rejected"])
    assert emits[1].event.reason_code == f"QUARANTINE_{decision.value}"  # type: ignore[union-attr]
    assert sanitized(service(review(event, event_id="review-2"))) == []


def test_asking_changes_nothing() -> None:
    service = Service()
    assert service(review(held(service), Decision.ASKED, decided_by=b"")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"asked_by": BOB}, {"asked_by": b""}, {"decided_by": b""}, {"decided_by": b"short"}, {"waived_reasons": ()},
    ],
)  # fmt: skip
def test_release_by_fewer_than_two_reviewers_is_refused(changes: dict[str, Any]) -> None:
    service = Service()
    event = held(service)
    with pytest.raises(InvalidEvent) as refusal:
        service(review(event, **changes))
    assert refusal.value.reason_code == "REVIEWERS_TOO_FEW"


@pytest.mark.parametrize(
    "changes",
    [
        {"document_id": DocumentId("other")}, {"document_version": 6}, {"held_event_id": "other"},
        {"waived_reasons": ("PRIVATE_KEY_FOUND", "PROMPT_INJECTION")}, {"decided_by": b"c" * 32},
        {"decision": Decision.REJECTED}, {"signature": b""}, {"signature": b"s" * 64}, {"event_id": "review-2"},
        {"occurred_at": NOW_MS + 1},
    ],
)  # fmt: skip
def test_review_that_ingestion_did_not_sign_is_refused(changes: dict[str, Any]) -> None:
    service = Service()
    event = held(service)
    with pytest.raises(InvalidEvent) as refusal:
        service(replace(review(event), **changes))
    assert refusal.value.reason_code == "REVIEW_FORGED"


def test_review_signed_by_another_service_is_refused() -> None:
    service = Service()
    good = review(held(service))
    forged = replace(good, signature=SIGNERS["sanitization"].sign(good.signed_bytes()))
    with pytest.raises(InvalidEvent):
        service(forged)


@pytest.mark.parametrize("text", ["Plain text.", INJECTION])
def test_newer_version_ends_the_hold_of_an_older_one(text: str) -> None:
    service = Service()
    event = held(service)
    newer = service(ingested(text=text, document_version=6, sealed_text=at_version(6, text)))
    assert states(newer) == [HoldState.SUPERSEDED if text == "Plain text." else HoldState.HELD]
    assert actions(service(review(event))) == ["document.review_ignored"]


def test_erasure_ends_the_hold() -> None:
    service = Service()
    event = held(service)
    erased = service(ingested(operation=Operation.ERASE, sealed_text=b"", document_version=6))
    assert states(erased) == [HoldState.SUPERSEDED]
    assert sanitized(service(review(event))) == []


def test_late_older_version_does_not_end_the_hold() -> None:
    service = Service()
    event = held(service)
    late = service(ingested(text="Old.", document_version=4, sealed_text=at_version(4, "Old.")))
    assert states(late) == []
    assert len(sanitized(service(review(event)))) == 1


def test_expired_document_is_not_released() -> None:
    service = Service()
    emits = service(review(held(service, ingested("T", INJECTION, retention_until=NOW_MS))))
    assert (states(emits), sanitized(emits)) == ([HoldState.REJECTED], [])


def test_hold_that_another_replica_wrote_is_found_by_catching_up() -> None:
    service = Service()
    event = held(service)
    service.holds.late.append(service.holds.known.pop(("harbour", "leave")))
    assert next(each.topic for each in service(review(event))) == SANITIZED_TOPIC


def test_held_version_that_is_gone_is_a_dead_letter() -> None:
    service = Service()
    event = held(service)
    service.holds.records.clear()
    with pytest.raises(InvalidEvent) as refusal:
        service(review(event))
    assert refusal.value.reason_code == "HELD_GONE"


@pytest.mark.parametrize("blob", [b"", b"garbage"])
def test_original_that_does_not_open_is_not_released(blob: bytes) -> None:
    service = Service()
    event = held(service)
    service.holds.records[:] = [replace(event, sealed_original=blob)]
    with pytest.raises(InvalidEvent):
        service(review(event))


def test_original_of_another_version_is_not_released() -> None:
    service = Service()
    event = held(service)
    service.holds.records[:] = [replace(event, sealed_original=at_version(4, "Other."))]
    with pytest.raises(InvalidEvent) as refusal:
        service(review(event))
    assert refusal.value.reason_code == "SEAL_BROKEN"
