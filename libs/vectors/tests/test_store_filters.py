"""Filters render what was meant, exactly, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.vocabulary import DocumentId, TenantId, Tier
from staithe.vectors.store import limits
from staithe.vectors.store.filters import (
    And,
    AnyOf,
    AtLeast,
    AtMost,
    Between,
    ContainsAny,
    Equals,
    Field,
    NoneOf,
    Or,
    document,
    permitted,
    render,
)

TENANT = TenantId("harbour")
_READ_BACK = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


def read_literal(text: str) -> tuple[str, str]:
    """An independent reader of Milvus string literals: the value and what follows it."""
    assert text[0] == '"'
    value, place = [], 1
    while text[place] != '"':
        assert text[place] not in "\r\n"
        if text[place] == "\\":
            place += 1
            value.append(_READ_BACK[text[place]])
        else:
            value.append(text[place])
        place += 1
    return "".join(value), text[place + 1 :]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_any_text_reads_back_as_itself_and_ends_where_it_should(value: str) -> None:
    rendered = render(Equals(Field.DOCUMENT_ID, value))
    assert rendered.startswith("document_id == ")
    assert read_literal(rendered.removeprefix("document_id == ")) == (value, "")


def test_permitted_joins_tenant_tier_and_groups() -> None:
    rendered = render(permitted(TENANT, Tier.ANALYTICS, []))
    assert rendered == '(tenant_id == "harbour" and tier <= 2 and (group_00 == "*"))'
    rendered = render(permitted(TENANT, Tier.OFFICE, ["mill", "mill", "*", ""]))
    assert rendered.count("group_") == 33
    assert 'group_31 in ["mill"]' in rendered


def test_every_kind_of_node_renders() -> None:
    tree = Or(
        (
            document(TENANT, DocumentId("a")),
            AnyOf(Field.DOCUMENT_VERSION, (1, 2)),
            NoneOf(Field.DOCUMENT_VERSION, (3,)),
            And((AtLeast(Field.ORDINAL, 0), AtMost(Field.ORDINAL, 9))),
        )
    )
    assert render(tree) == (
        '((tenant_id == "harbour" and document_id == "a") or document_version in [1, 2] '
        "or document_version not in [3] or (ordinal >= 0 and ordinal <= 9))"
    )


def test_range_of_text_is_half_open_and_quoted() -> None:
    assert render(Between(Field.CHUNK_ID, 'a"', "b")) == '(chunk_id >= "a\\"" and chunk_id < "b")'
    with pytest.raises(InvalidEvent):
        render(Between(Field.ORDINAL, "1", "2"))


@pytest.mark.parametrize(
    "tree",
    [
        And(()),
        Or(()),
        AnyOf(Field.TENANT_ID, ()),
        ContainsAny(Field.GROUPS, ()),
        ContainsAny(Field.GROUPS, ("",)),
        ContainsAny(Field.GROUPS, tuple(f"g{n}" for n in range(limits.CALLER_GROUPS_MAX + 1))),
        AnyOf(Field.TENANT_ID, ("t",) * (limits.FILTER_VALUES_MAX + 1)),
        Equals(Field.TENANT_ID, 1),
        Equals(Field.TIER, "1"),
        Equals(Field.TIER, True),
        Equals(Field.TIER, 1 << 63),
        AtMost(Field.TIER, 1.5),
        AtMost(Field.TENANT_ID, 1),
        ContainsAny(Field.TENANT_ID, ("t",)),
        Equals(Field.GROUPS, "mill"),
        Equals('tenant_id == "" or tenant_id', "t"),
        Equals("tenant_id", "t"),
        Equals(Field.TENANT_ID, "\0"),
        Equals(Field.TENANT_ID, "\ud800"),
        Equals(Field.TENANT_ID, "t" * (limits.FILTER_STRING_BYTES_MAX + 1)),
        And((Equals(Field.TIER, 1),) * (limits.FILTER_NODES_MAX + 1)),
    ],
)
def test_what_cannot_be_meant_is_refused(tree: object) -> None:
    with pytest.raises(InvalidEvent):
        render(tree)


def test_a_deep_tree_is_refused_without_recursing_through_it() -> None:
    tree = Equals(Field.TIER, 1)
    for _ in range(5_000):
        tree = And((tree,))
    with pytest.raises(InvalidEvent, match="FILTER_TOO_LARGE"):
        render(tree)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        render(Equals(Field.TENANT_ID, "secret\0"))
    assert "secret" not in str(refusal.value)
