"""Rules beyond tenant, tier and groups only ever take away; the index's filter never takes away more than they do."""

import random
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Classification
from staithe.query.access_rules import NO_RULES, AccessRules, load_access_rules
from staithe.query.policy import Refusal, refuse_document, refuse_erasure, refuse_receipt
from staithe.vectors.store.filters import Equals, Filter, NoneOf, Or, render

ROOT = Path(__file__).parents[3]
NOW_MS = 1_790_000_000_000
HOURS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:00", "until": "19:00", "zone": "Europe/Berlin"}
TEXT = "Everyone has 27 days of paid leave a year."


def rules(documents: dict[str, Any] | None = None, **callers: Any) -> AccessRules:
    rule = {"id": "rule", "documents": documents or {}, "callers": callers or {"groups": ["hr"]}}
    return AccessRules.model_validate({"rules": [rule]})


def berlin(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)


@pytest.mark.parametrize(
    ("documents", "labels", "hidden"),
    [
        ({}, {}, True), ({"tenants": ["harbour"]}, {}, True), ({"tenants": ["millrace"]}, {}, False),
        ({"tiers": [1]}, {}, True), ({"tiers": [2, 3]}, {}, False),
        ({"classifications": ["INTERNAL"]}, {}, True), ({"classifications": ["RESTRICTED", "CONFIDENTIAL"]}, {}, False),
        ({"residencies": ["eu"]}, {}, True), ({"residencies": ["us"]}, {}, False),
        ({"residencies": ["eu"], "tiers": [3]}, {}, False),
        ({"classifications": ["RESTRICTED"]}, {"classification": Classification.RESTRICTED}, True),
    ],
)  # fmt: skip
def test_rule_is_about_the_documents_that_fit_every_line(
    new_world: Any, documents: Any, labels: Any, hidden: bool
) -> None:
    current = new_world.make_current(**labels)
    assert rules(documents).denies(new_world.make_caller(), current, NOW_MS) is hidden


@pytest.mark.parametrize(
    ("callers", "who", "hidden"),
    [
        ({"groups": ["hr"]}, {"groups": ["hr"]}, False), ({"groups": ["hr"]}, {"groups": ["HR"]}, True),
        ({"groups": ["hr"]}, {}, True), ({"groups": ["hr", "board"]}, {"groups": ["board"]}, False),
        ({"purposes": ["payroll"]}, {"scopes": "search purpose:payroll"}, False),
        ({"purposes": ["payroll"]}, {"scopes": "search payroll"}, True),
        ({"purposes": ["payroll"]}, {"scopes": "purpose:payrolls"}, True),
        ({"tier_min": 2}, {"tier": 1}, True), ({"tier_min": 2}, {"tier": 3}, False),
        ({"groups": ["hr"], "purposes": ["payroll"]}, {"groups": ["hr"]}, True),
        ({"groups": ["hr"], "purposes": ["payroll"]}, {"scopes": "purpose:payroll"}, True),
    ],
)  # fmt: skip
def test_caller_must_meet_every_line(new_world: Any, callers: Any, who: Any, hidden: bool) -> None:
    caller = new_world.make_caller(**who)
    assert rules(**callers).denies(caller, new_world.make_current(), NOW_MS) is hidden


@pytest.mark.parametrize(
    ("moment", "hidden"),
    [
        ("2026-11-27T07:00", False), ("2026-11-27T06:59", True), ("2026-11-27T18:59", False),
        ("2026-11-27T19:00", True), ("2026-11-28T12:00", True), ("2026-11-29T12:00", True), ("2026-11-30T12:00", False),
        ("2026-03-30T07:30", False), ("2026-10-26T07:30", False),  # the first working days after clocks changed
    ],
)  # fmt: skip
def test_hours_are_those_of_a_place(new_world: Any, moment: str, hidden: bool) -> None:
    checked = rules(hours=HOURS)
    assert checked.denies(new_world.make_caller(), new_world.make_current(), berlin(moment)) is hidden


def test_any_rule_hides(new_world: Any) -> None:
    both = AccessRules(rules=(*rules(groups=["hr"]).rules, *rules(tier_min=2).rules))
    current = new_world.make_current()
    assert both.denies(new_world.make_caller(groups=["hr"]), current, NOW_MS)
    assert both.denies(new_world.make_caller(tier=2), current, NOW_MS)
    assert not both.denies(new_world.make_caller(tier=2, groups=["hr"]), current, NOW_MS)


def test_rules_never_open_what_tenant_tier_and_groups_close(new_world: Any) -> None:
    met = rules(groups=["hr"])
    caller = new_world.make_caller(groups=["hr"])
    for labels in ({"tenant": "millrace"}, {"tier": 2}, {"groups": ["board"]}, {"erased": True}):
        current = new_world.make_current(**labels)
        assert refuse_document(caller, current, now_ms=NOW_MS, rules=met) is not None
        assert refuse_document(caller, current, now_ms=NOW_MS, rules=met) == refuse_document(
            caller, current, now_ms=NOW_MS, rules=NO_RULES
        )


def test_what_a_rule_hides_can_be_neither_erased_nor_asked_about(new_world: Any) -> None:
    hiding, caller = rules(), new_world.make_caller()
    expired = new_world.make_current(retention_until=NOW_MS - 1)
    assert refuse_erasure(caller, expired, now_ms=NOW_MS, rules=hiding) is Refusal.RULE
    assert refuse_receipt(caller, new_world.make_current(erased=True), now_ms=NOW_MS, rules=hiding) is Refusal.RULE


def holds(tree: Filter, tenant: str, tier: int, classification: str) -> bool:
    """What the index makes of a filter, for the three columns that rules name."""
    values = {"tenant_id": tenant, "tier": tier, "classification": classification}
    match tree:
        case Or(parts):
            return any(holds(each, tenant, tier, classification) for each in parts)
        case NoneOf(field, listed):
            return values[field.value] not in listed
        case Equals(field, value):
            return values[field.value] == value
    raise AssertionError(tree)


def test_filter_leaves_out_exactly_what_rules_without_residency_hide(new_world: Any) -> None:
    chance = random.Random(7)  # noqa: S311 - cases for a test, the same each time
    kinds = [each.value for each in Classification]
    differences = left_out = 0
    for _ in range(3000):
        documents = {
            "tenants": chance.sample(["harbour", "millrace"], chance.randint(0, 1)),
            "tiers": chance.sample([1, 2, 3], chance.randint(0, 2)),
            "classifications": chance.sample(kinds, chance.randint(0, 2)),
            "residencies": chance.sample(["eu", "us"], chance.randint(0, 1)),
        }
        checked = rules(documents, groups=["hr"], tier_min=chance.randint(1, 3))
        caller = new_world.make_caller(
            tier=chance.randint(1, 3), groups=chance.sample(["hr", "board"], chance.randint(0, 2))
        )
        current = new_world.make_current(
            tier=chance.randint(1, 3), classification=chance.choice(list(Classification)),
            residency=chance.choice(["eu", "us"]),
        )  # fmt: skip
        trees = checked.narrowing(caller, NOW_MS)
        row = ("harbour", int(current.access.tier), current.access.classification.value)
        kept = all(holds(tree, *row) for tree in trees)
        assert all(render(tree) for tree in trees)
        hidden = checked.denies(caller, current, NOW_MS)
        assert kept or hidden
        differences += kept and hidden and not documents["residencies"]
        left_out += not kept
    assert differences == 0
    assert left_out > 100


async def test_hidden_documents_are_neither_found_nor_read_nor_told_from_absent_ones(
    new_world: Any, bearer: Any
) -> None:
    world = new_world(rules=rules({"classifications": ["RESTRICTED"]}, groups=["hr"]))
    world.add(TEXT, document="open")
    world.add(TEXT, document="restricted", classification=Classification.RESTRICTED)
    world.callers["hr"] = world.make_caller(groups=["hr"])
    async with TestClient(TestServer(world.application)) as client:
        found = {}
        for name in ("alice", "hr"):
            answer = await client.post("/v1/search", json={"question": "paid leave"}, headers=bearer(name))
            found[name] = {each["document_id"] for each in (await answer.json())["results"]}
        assert found == {"alice": {"open"}, "hr": {"open", "restricted"}}
        hidden = await client.get("/v1/documents/restricted", headers=bearer("alice"))
        absent = await client.get("/v1/documents/nothing", headers=bearer("alice"))
        bodies = [{**await each.json(), "instance": ""} for each in (hidden, absent)]
        assert (hidden.status, bodies[0]) == (absent.status, bodies[1])
    denied = [event.reason_code for event in world.publisher.audited() if event.action == "query.denied"]
    assert denied == ["RULE", "ABSENT"]
    world.close()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "rules:", "rules: [{id: x, documents: {}, callers: {}}]", "rules: [{id: x, documents: {}}]",
        "rules: [{id: x, callers: {groups: [hr]}}]",
        "rules: [{id: x, documents: {tier: [1]}, callers: {groups: [hr]}}]",
        "rules: [{id: x, documents: {tiers: [4]}, callers: {groups: [hr]}}]",
        "rules: [{id: x, documents: {tiers: ['1']}, callers: {groups: [hr]}}]",
        "rules: [{id: x, documents: {classifications: [SECRET]}, callers: {groups: [hr]}}]",
        "rules: [{id: x, documents: {}, callers: {groups: hr}}]",
        "rules: [{id: x, documents: {}, callers: {tier_min: 1}}]",
        "rules: [{id: x, documents: {}, callers: {tier_min: true}}]",
        "rules: [{id: x, documents: {}, callers: {hours: {days: [mon], from: '19:00', until: '07:00', zone: UTC}}}]",
        "rules: [{id: x, documents: {}, callers: {hours: {days: [mon], from: 700, until: 1900, zone: UTC}}}]",
        "rules: [{id: x, documents: {}, callers: {hours: {days: [], from: '07:00', until: '19:00', zone: UTC}}}]",
        "rules: [{id: x, documents: {}, callers: {hours: {days: [mon], from: '07:00', until: '19:00', zone: No/X}}}]",
        "rules: [{id: x, documents: {}, callers: {hours: {days: [mon], from: '07:00', until: '24:00', zone: UTC}}}]",
        "rules: [", "\x00",
    ],
)  # fmt: skip
def test_rules_that_may_not_mean_what_they_say_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "access.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load_access_rules(file)
    assert refusal.value.reason_code == "ACCESS_RULES_INVALID"


def test_delivered_rules_take_nothing_away_and_their_example_is_sound(tmp_path: Path) -> None:
    delivered = ROOT / "policies" / "access.yaml"
    assert load_access_rules(delivered) == NO_RULES
    lines = [line[2:] for line in delivered.read_text().splitlines() if line.startswith("#   ")]
    example = tmp_path / "example.yaml"
    example.write_text("rules:\n" + "\n".join(lines) + "\n")
    [rule] = load_access_rules(example).rules
    assert rule.callers.tier_min == 2
