"""Who may be shown what: the service against an oracle, over random documents, callers and states."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe.query.access_rules import NO_RULES
from staithe.query.policy import Refusal, erasure_version, refuse_chunk, refuse_document, refuse_erasure

NOW_MS = 1_790_000_000_000
MODEL = b"m" * 32
TENANTS, GROUPS = ("harbour", "millrace"), ("hr", "board", "sales")

groups = st.sets(st.sampled_from(GROUPS), max_size=2).map(sorted)
callers = st.fixed_dictionaries({"tenant": st.sampled_from(TENANTS), "tier": st.integers(1, 3), "groups": groups})
currents = st.fixed_dictionaries(
    {
        "document": st.sampled_from(("a", "b", "c")), "tenant": st.sampled_from(TENANTS), "tier": st.integers(1, 3),
        "groups": groups, "version": st.integers(1, 3), "erased": st.booleans(),
        "retention_until": st.sampled_from((None, NOW_MS - 1, NOW_MS, NOW_MS + 1)),
    }
)  # fmt: skip
rows = st.fixed_dictionaries(
    {
        "document": st.sampled_from(("a", "b", "c", "never")), "tenant": st.sampled_from(TENANTS),
        "version": st.integers(1, 3), "tier": st.integers(1, 3), "groups": groups,
    }
)  # fmt: skip


def visible(caller: dict[str, Any], row: dict[str, Any], states: list[dict[str, Any]]) -> bool:
    """The oracle: written from the rules, not from the code."""
    if row["tenant"] != caller["tenant"]:
        return False
    for state in reversed(states):
        if (state["tenant"], state["document"]) == (row["tenant"], row["document"]):
            return bool(
                state["version"] == row["version"]
                and not state["erased"]
                and (state["retention_until"] is None or state["retention_until"] > NOW_MS)
                and state["tier"] <= caller["tier"]
                and (not state["groups"] or set(state["groups"]) & set(caller["groups"]))
            )
    return False


@settings(max_examples=150, deadline=None)
@given(caller=callers, states=st.lists(currents, max_size=6), stored=st.lists(rows, max_size=12))
def test_search_shows_exactly_what_the_rules_permit(
    new_world: Any, caller: dict[str, Any], states: list[dict[str, Any]], stored: list[dict[str, Any]]
) -> None:
    world = new_world()
    for state in states:
        current = world.make_current(**state)
        world.current.documents[current.tenant_id, current.document_id] = current
    for number, row in enumerate(stored):
        current = world.make_current(**row)
        world.put(world.make_chunk(f"paid leave {number}", ordinal=number, current=current))
    found = asyncio.run(world.stage.search(world.make_caller(**caller), "paid leave", limit=50))
    world.close()
    shown = {each.text for each in found.results}
    permitted = {f"paid leave {number}" for number, row in enumerate(stored) if visible(caller, row, states)}
    assert shown <= permitted
    by_document = {row["document"] for row in stored if visible(caller, row, states)}
    assert {each.hit.document_id for each in found.results} == by_document
    if len(permitted) <= 3:
        assert shown == permitted


@pytest.mark.parametrize(
    ("labels", "refusal"),
    [
        ({"tenant": "millrace"}, Refusal.OTHER_TENANT),
        ({"erased": True}, Refusal.ERASED),
        ({"retention_until": NOW_MS}, Refusal.EXPIRED),
        ({"tier": 2}, Refusal.NOT_PERMITTED),
        ({"groups": ["hr"]}, Refusal.NOT_PERMITTED),
    ],
)
def test_each_rule_refuses_alone(new_world: Any, labels: dict[str, Any], refusal: Refusal) -> None:
    assert (
        refuse_document(new_world.make_caller(), new_world.make_current(**labels), now_ms=NOW_MS, rules=NO_RULES)
        is refusal
    )


def test_document_nobody_knows_is_refused(new_world: Any) -> None:
    assert refuse_document(new_world.make_caller(), None, now_ms=NOW_MS, rules=NO_RULES) is Refusal.ABSENT


def test_labels_of_the_row_alone_never_permit(new_world: Any) -> None:
    caller, current = new_world.make_caller(), new_world.make_current(tier=3)
    open_row = replace(new_world.make_chunk("x", current=current), access=new_world.make_current().access)
    assert (
        refuse_chunk(caller, open_row, current, now_ms=NOW_MS, model_digest=MODEL, rules=NO_RULES)
        is Refusal.NOT_PERMITTED
    )


def test_vector_of_another_model_is_refused(new_world: Any) -> None:
    current = new_world.make_current()
    chunk = new_world.make_chunk("x", current=current, model_digest=b"o" * 32)
    refusal = refuse_chunk(new_world.make_caller(), chunk, current, now_ms=NOW_MS, model_digest=MODEL, rules=NO_RULES)
    assert refusal is Refusal.OTHER_MODEL


def test_expired_document_can_still_be_erased_by_those_who_may_see_it(new_world: Any) -> None:
    expired = new_world.make_current(retention_until=1)
    assert refuse_erasure(new_world.make_caller(), expired, now_ms=NOW_MS, rules=NO_RULES) is None
    hidden = new_world.make_current(retention_until=1, tier=3)
    assert refuse_erasure(new_world.make_caller(), hidden, now_ms=NOW_MS, rules=NO_RULES) is not None
    erased = new_world.make_current(retention_until=1, erased=True)
    assert refuse_erasure(new_world.make_caller(), erased, now_ms=NOW_MS, rules=NO_RULES) is Refusal.ERASED


def test_erasure_outranks_a_source_whose_clock_runs_ahead(new_world: Any) -> None:
    assert erasure_version(new_world.make_current(version=NOW_MS + 500), now_ms=NOW_MS) == NOW_MS + 501
    assert erasure_version(new_world.make_current(version=5), now_ms=NOW_MS) == NOW_MS
