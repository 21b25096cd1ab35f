"""What may enter, under which version and labels: the whole decision table."""

from dataclasses import replace
from typing import Any

import pytest

from staithe.ingestion.policy import ERASED_ACCESS, FUTURE_MS_MAX, VERSION_MAX, check_submitted, version_of
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.limits import DOCUMENT_BYTES_MAX, NAME_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier

NOW_MS = 1_790_000_000_000
ACCESS = Access(Tier.OFFICE, ("hr", "board", "hr"), Classification.INTERNAL)
UPSERT = DocumentSubmitted(
    event_id="e", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), occurred_at=NOW_MS, access=ACCESS,
    content=b"content", content_type="text/plain",
)  # fmt: skip
ERASE = replace(UPSERT, operation=Operation.ERASE, access=None, content=b"")


def refused(event: DocumentSubmitted) -> str:
    with pytest.raises(InvalidEvent) as refusal:
        check_submitted(event, now_ms=NOW_MS)
    return refusal.value.reason_code


def test_labels_come_back_sorted_and_without_repeats() -> None:
    access = check_submitted(UPSERT, now_ms=NOW_MS)
    assert access == Access(Tier.OFFICE, ("board", "hr"), Classification.INTERNAL)


@pytest.mark.parametrize(("given", "expected"), [(0, NOW_MS), (1, 1), (VERSION_MAX, VERSION_MAX)])
def test_version_is_the_sources_or_when_it_happened(given: int, expected: int) -> None:
    event = replace(UPSERT, document_version=given)
    assert version_of(event) == expected
    assert check_submitted(event, now_ms=NOW_MS)


ALWAYS: list[tuple[dict[str, Any], str]] = [
    ({"tenant_id": "Harbour"}, "TENANT_ID_MALFORMED"),
    ({"tenant_id": ""}, "TENANT_ID_MALFORMED"),
    ({"document_id": "a/b"}, "DOCUMENT_ID_MALFORMED"),
    ({"document_id": ""}, "DOCUMENT_ID_MALFORMED"),
    ({"occurred_at": 0}, "OCCURRED_AT"),
    ({"occurred_at": -1}, "OCCURRED_AT"),
    ({"occurred_at": NOW_MS + FUTURE_MS_MAX + 1}, "OCCURRED_AT"),
    ({"document_version": -1}, "VERSION_RANGE"),
    ({"document_version": VERSION_MAX + 1}, "VERSION_RANGE"),
    ({"residency": ""}, "RESIDENCY_MALFORMED"),
    ({"residency": "e u"}, "RESIDENCY_MALFORMED"),
    ({"residency": "eu\n"}, "RESIDENCY_MALFORMED"),
    ({"residency": "\u0435\u0443"}, "RESIDENCY_MALFORMED"),
    ({"residency": "e" * 17}, "RESIDENCY_MALFORMED"),
    ({"source": "s" * (SOURCE_CHARACTERS_MAX + 1)}, "NAME_TOO_LONG"),
    ({"name": "n" * (NAME_CHARACTERS_MAX + 1)}, "NAME_TOO_LONG"),
    ({"access": Access(Tier.OFFICE, ("a b",), Classification.PUBLIC)}, "GROUPS_MALFORMED"),
    ({"access": Access(Tier.OFFICE, tuple(f"g{n}" for n in range(33)), Classification.PUBLIC)}, "GROUPS_MALFORMED"),
]


@pytest.mark.parametrize("event", [UPSERT, ERASE])
@pytest.mark.parametrize(("changes", "code"), ALWAYS)
def test_malformed_submission_is_refused_whatever_it_asks(
    event: DocumentSubmitted, changes: dict[str, Any], code: str
) -> None:
    assert refused(replace(event, **changes)) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"access": None}, "ACCESS_MISSING"),
        ({"content": b""}, "DOCUMENT_EMPTY"),
        ({"content": b"x" * (DOCUMENT_BYTES_MAX + 1)}, "DOCUMENT_TOO_LARGE"),
        ({"content_sha256": sha256(b"other")}, "CONTENT_HASH_MISMATCH"),
        ({"retention_until": NOW_MS}, "RETENTION_PASSED"),
        ({"retention_until": 0}, "RETENTION_PASSED"),
    ],
)
def test_document_that_may_not_be_kept_is_refused(changes: dict[str, Any], code: str) -> None:
    assert refused(replace(UPSERT, **changes)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b"x" * DOCUMENT_BYTES_MAX},
        {"content_sha256": sha256(b"content")},
        {"retention_until": NOW_MS + 1},
        {"occurred_at": NOW_MS + FUTURE_MS_MAX},
        {"occurred_at": 1},
        {"residency": "eu2"},
        {"name": "n" * NAME_CHARACTERS_MAX, "source": "s" * SOURCE_CHARACTERS_MAX},
    ],
)
def test_document_at_the_limit_is_accepted(changes: dict[str, Any]) -> None:
    assert check_submitted(replace(UPSERT, **changes), now_ms=NOW_MS).tier is Tier.OFFICE


def test_erasure_without_labels_gets_the_narrowest() -> None:
    assert check_submitted(ERASE, now_ms=NOW_MS) == ERASED_ACCESS
    assert (ERASED_ACCESS.tier, ERASED_ACCESS.classification) == (Tier.ENGINEERING, Classification.RESTRICTED)


def test_erasure_keeps_its_labels_normalised() -> None:
    assert check_submitted(replace(ERASE, access=ACCESS), now_ms=NOW_MS).groups == ("board", "hr")


def test_erasure_with_content_is_refused() -> None:
    assert refused(replace(ERASE, content=b"x")) == "ERASURE_WITH_CONTENT"


def test_erasure_after_retention_is_accepted() -> None:
    assert check_submitted(replace(ERASE, retention_until=1), now_ms=NOW_MS) == ERASED_ACCESS
