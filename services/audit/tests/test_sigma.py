"""The delivered Sigma rules: well-formed, and each finds what it is for and nothing ordinary.

The matcher knows as much of Sigma 2 as the rules use: equality, lists of values, and counting in a window.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from staithe.audit.ocsf import fork_finding, ocsf_event
from staithe.kernel.events import AuditEvent, Outcome

RULES = Path(__file__).parents[3] / "deploy" / "sigma"
ORIGIN = "audit.example/test"
UNITS = {"s": 1, "m": 60, "h": 3600}
LEVELS = {"informational", "low", "medium", "high", "critical"}
REQUIRED = {"title", "id", "status", "description", "references", "author", "date", "tags", "level", "falsepositives"}
Make = Callable[[int], AuditEvent]
Event = dict[str, Any]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((RULES / f"{name}.yml").read_text()))


def field(event: Event, path: str) -> object:
    value: object = event
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def selects(rule: dict[str, Any], event: Event) -> bool:
    assert rule["detection"]["condition"] == "selection"
    wanted = rule["detection"]["selection"].items()
    return all(field(event, path) in (value if isinstance(value, list) else [value]) for path, value in wanted)


def alerts(name: str, events: Iterable[Event]) -> set[str]:
    """Titles of the rules in a file that would be raised; a base rule of a correlation raises nothing itself."""
    rules, events = documents(name), list(events)
    raised = set()
    named = {rule["name"]: rule for rule in rules if "name" in rule}
    for rule in rules:
        if "correlation" not in rule:
            raised |= {rule["title"] for event in events if "name" not in rule and selects(rule, event)}
            continue
        counted = rule["correlation"]
        window = int(counted["timespan"][:-1]) * UNITS[counted["timespan"][-1]] * 1000
        times: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for event in events:
            group = tuple(field(event, path) for path in counted["group-by"])
            if None not in group and any(selects(named[base], event) for base in counted["rules"]):
                times[group].append(event["time"])
        least = counted["condition"]["gte"]
        for group_times in map(sorted, times.values()):
            pairs = zip(group_times, group_times[least - 1 :], strict=False)
            raised |= {rule["title"] for first, last in pairs if last - first <= window}
    return raised


@pytest.fixture
def shown(event: Make) -> Callable[..., Event]:
    def make(number: int, **changes: Any) -> Event:
        return ocsf_event(number, replace(event(number), **changes), ORIGIN)

    return make


ALL = sorted(path.stem for path in RULES.glob("*.yml"))


def test_the_six_cases_have_rules() -> None:
    assert ALL == [
        "acl_change", "denied_burst", "erasure_without_request", "log_fork", "mass_export", "quarantine_flood",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_a_rule_has_what_sigma_asks_for(name: str) -> None:
    rules = documents(name)
    for rule in rules:
        assert rule.keys() >= REQUIRED
        assert rule["level"] in LEVELS
        uuid.UUID(rule["id"])
        assert len(rule["title"]) <= 256
        assert all(tag.startswith("attack.") for tag in rule["tags"])
        assert ("correlation" in rule) != ({"logsource", "detection"} <= rule.keys())
    assert rules[-1]["level"] in {"medium", "high", "critical"}


def test_no_id_is_used_twice() -> None:
    ids = [rule["id"] for name in ALL for rule in documents(name)]
    assert len(ids) == len(set(ids))


def caller(number: int) -> dict[str, str]:
    return {"caller_hmac": f"{number:064x}", "tier": "2"}


@pytest.mark.parametrize(
    ("name", "action", "outcome", "count", "attributes"),
    [
        ("mass_export", "document.read", Outcome.SUCCESS, 300, caller(1)),
        ("mass_export", "query.searched", Outcome.SUCCESS, 300, caller(1)),
        ("denied_burst", "query.denied", Outcome.REFUSED, 20, caller(1)),
        ("denied_burst", "query.unauthenticated", Outcome.REFUSED, 60, {}),
        ("quarantine_flood", "document.quarantined", Outcome.REFUSED, 25, {}),
    ],
)
def test_a_burst_is_found_and_one_less_is_not(  # noqa: PLR0917
    name: str, action: str, outcome: Outcome, count: int, attributes: dict[str, str], shown: Callable[..., Event]
) -> None:
    events = [shown(number, action=action, outcome=outcome, attributes=attributes) for number in range(count)]
    assert len(alerts(name, events)) == 1
    assert alerts(name, events[1:]) == set()
    slow = [event | {"time": event["time"] + number * 60_000} for number, event in enumerate(events)]
    assert alerts(name, slow) == set()


def test_many_callers_are_no_mass_export_and_no_burst(shown: Callable[..., Event]) -> None:
    for name, action in (("mass_export", "document.read"), ("denied_burst", "query.denied")):
        events = [shown(number, action=action, attributes=caller(number % 50)) for number in range(400)]
        assert alerts(name, events) == set()


def test_tenants_are_counted_apart(shown: Callable[..., Event]) -> None:
    events = [shown(n, action="document.quarantined", tenant_id=f"tenant-{n % 3}") for n in range(60)]
    assert alerts("quarantine_flood", events) == set()


def test_an_erasure_that_nobody_asked_for_is_found(shown: Callable[..., Event]) -> None:
    erased = [shown(number, action="document.erased") for number in range(2)]
    erased[0]["unmapped"]["erasure_asked_for"] = "true"  # as the forwarder says it: see test_forward.py
    assert alerts("erasure_without_request", erased) == set()
    erased[1]["unmapped"]["erasure_asked_for"] = "false"
    assert len(alerts("erasure_without_request", erased)) == 1


def test_changed_labels_are_found(shown: Callable[..., Event]) -> None:
    assert alerts("acl_change", [shown(1, action="document.indexed")]) == set()
    assert len(alerts("acl_change", [shown(1, action="document.indexed", reason_code="LABELS_CHANGED")])) == 1


def test_a_fork_is_found(shown: Callable[..., Event]) -> None:
    assert alerts("log_fork", [shown(1, action="chunk.refused", outcome=Outcome.FAILURE)]) == set()
    assert len(alerts("log_fork", [fork_finding(b"note", "LOG_FORKED", 1, ORIGIN)[1]])) == 1


@pytest.mark.parametrize("name", ALL)
def test_an_ordinary_day_raises_nothing(name: str, shown: Callable[..., Event]) -> None:
    actions = ("document.ingested", "document.sanitized", "document.indexed", "query.answered", "document.superseded")
    events = [shown(n, action=actions[n % 5], attributes=caller(n % 7)) for n in range(700)]
    events += [shown(800 + n, action="query.denied", outcome=Outcome.REFUSED, attributes=caller(n)) for n in range(19)]
    assert alerts(name, events) == set()
