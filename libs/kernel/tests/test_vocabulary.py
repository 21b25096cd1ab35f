"""Identities and labels: what is accepted, what is refused, and who sees what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_samples import reason

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.vocabulary import (
    GROUPS_MAX,
    Access,
    Classification,
    DocumentId,
    TenantId,
    Tier,
    access_groups,
    document_id,
    event_key,
    tenant_id,
)


@pytest.mark.parametrize("value", ["a", "0", "harbour", "a-b", "a" * 63])
def test_dns_label_is_a_tenant(value: str) -> None:
    assert tenant_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "-", "-a", "a-", "A", "a_b", "a.b", "a/b", "a b", "a\n", "a\x00", "é", "\u0430", "a" * 64, "../a", "*", "٣"],
)
def test_other_tenant_is_refused(value: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        tenant_id(value)
    assert reason(refusal) == "TENANT_ID_MALFORMED"


@pytest.mark.parametrize("value", ["a", "A1", "x.y_z:1@b-c", "a" * 200])
def test_plain_name_is_a_document(value: str) -> None:
    assert document_id(value) == value


@pytest.mark.parametrize(
    "value", ["", "/", "a/b", ".a", "a.", "-a", "..", "a b", "a\n", "a\x00b", "é", "a" * 201, "a%2Fb", "a\\b", "a*"]
)
def test_other_document_is_refused(value: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        document_id(value)
    assert reason(refusal) == "DOCUMENT_ID_MALFORMED"


@pytest.mark.parametrize("values", [("",), ("a b",), ("a\nb",), ("-a",), ("a,b",), ("é",), ("a" * 65,), ("ok", "*")])
def test_malformed_group_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        access_groups(values)
    assert reason(refusal) == "GROUPS_MALFORMED"


def test_too_many_groups_are_refused_and_repeats_do_not_count() -> None:
    names = tuple(f"g{number}" for number in range(GROUPS_MAX))
    assert access_groups((*names, *names)) == tuple(sorted(names))
    with pytest.raises(InvalidEvent):
        access_groups((*names, "one-more"))


def test_refusals_do_not_quote_what_they_refuse() -> None:
    for refuse in (tenant_id, document_id):
        with pytest.raises(InvalidEvent) as refusal:
            refuse("Alice Smith!")
        assert "Alice" not in str(refusal.value)


@given(st.sampled_from(Tier), st.sampled_from(Tier), st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc")))
def test_document_is_seen_from_its_tier_upwards_by_its_groups(
    document: Tier, caller: Tier, needed: set[str], held: set[str]
) -> None:
    access = Access(document, tuple(sorted(needed)), Classification.PUBLIC)
    expected = document <= caller and (needed == set() or needed & held != set())
    assert access.permits(tier=caller, groups=frozenset(held)) is expected


def test_key_splits_in_one_way_only() -> None:
    assert event_key(TenantId("harbour"), DocumentId("a.b")) == b"harbour/a.b"
    for value in ("a/b", "/"):
        with pytest.raises(InvalidEvent):
            tenant_id(value)
        with pytest.raises(InvalidEvent):
            document_id(value)
