"""What a source is told of its document: the newest version, and nothing it may not know."""

from dataclasses import replace

import pytest

from staithe.ingestion.http.status import status_of
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.stopped import DocumentHeld, DocumentRefused, HoldState, RefusalState
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

ACCESS = Access(Tier.OFFICE, (), Classification.INTERNAL)
SECRET = Access(Tier.ENGINEERING, (), Classification.INTERNAL)
ALICE = Caller("alice", TenantId("harbour"), Tier.ANALYTICS, frozenset({"hr"}), frozenset({"publish"}))
CURRENT = DocumentCurrent(
    tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=5, residency="eu", access=ACCESS,
    content_sha256=b"c" * 32, erased=False, chunk_count=3, occurred_at=1,
)  # fmt: skip
REFUSED = DocumentRefused(
    event_id="1", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=6, access=ACCESS,
    state=RefusalState.DEAD_LETTERED, service="ingestion", reason_code="DOCUMENT_EMPTY", occurred_at=1,
)  # fmt: skip
HELD = DocumentHeld(
    event_id="2", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=6, access=ACCESS,
    state=HoldState.HELD, reason_codes=("PROMPT_INJECTION",), occurred_at=1,
)  # fmt: skip
PENDING = {"state": "PENDING"}
DEAD = {"state": "DEAD_LETTERED", "document_version": 6, "stage": "ingestion", "reason_codes": ["DOCUMENT_EMPTY"]}


def test_refused_document_is_told_with_its_reason() -> None:
    assert status_of(ALICE, None, None, REFUSED) == DEAD


def test_refused_version_is_told_beside_the_one_that_is_served() -> None:
    assert status_of(ALICE, CURRENT, None, REFUSED) == DEAD | {"served_version": 5}


@pytest.mark.parametrize("version", [6, 7])
def test_refusal_of_a_version_that_is_served_or_older_is_past(version: int) -> None:
    assert status_of(ALICE, replace(CURRENT, document_version=version), None, REFUSED)["state"] == "INDEXED"


def test_erasure_stands_against_an_older_refusal() -> None:
    assert status_of(ALICE, replace(CURRENT, document_version=6, erased=True), None, REFUSED)["state"] == "ERASED"


def test_replayed_version_is_under_way_again() -> None:
    assert status_of(ALICE, None, None, replace(REFUSED, state=RefusalState.REPLAYED)) == PENDING


@pytest.mark.parametrize(
    "hidden",
    [
        replace(REFUSED, access=SECRET),
        replace(REFUSED, access=Access(Tier.OFFICE, ("board",), Classification.INTERNAL)),
        replace(REFUSED, access=None),
        replace(REFUSED, tenant_id=TenantId("millrace")),
    ],
)
def test_refusal_that_the_caller_may_not_know_looks_like_nothing(hidden: DocumentRefused) -> None:
    assert status_of(ALICE, None, None, hidden) == PENDING


def test_served_version_that_the_caller_may_not_see_is_not_told() -> None:
    assert status_of(ALICE, replace(CURRENT, access=SECRET), None, REFUSED) == DEAD


def test_held_document_is_told_with_its_reasons() -> None:
    assert status_of(ALICE, CURRENT, HELD, None) == {
        "state": "QUARANTINED", "document_version": 6, "stage": "sanitization", "served_version": 5,
        "reason_codes": ["PROMPT_INJECTION"],
    }  # fmt: skip
    assert status_of(ALICE, None, replace(HELD, state=HoldState.REJECTED), None)["state"] == "REJECTED"


@pytest.mark.parametrize("state", [HoldState.RELEASED, HoldState.SUPERSEDED])
def test_hold_that_is_over_is_no_news(state: HoldState) -> None:
    assert status_of(ALICE, None, replace(HELD, state=state), None) == PENDING


def test_newest_of_what_stopped_is_told() -> None:
    assert status_of(ALICE, None, replace(HELD, document_version=7), REFUSED)["state"] == "QUARANTINED"
    assert status_of(ALICE, None, replace(HELD, document_version=5), REFUSED)["state"] == "DEAD_LETTERED"


def test_hold_that_the_caller_may_not_know_looks_like_nothing() -> None:
    assert status_of(ALICE, None, replace(HELD, access=SECRET), None) == PENDING
