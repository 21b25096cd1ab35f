"""The judge finds what is planted, one kind at a time, and nothing where nothing is wrong."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # with import-mode=importlib nothing else makes them importable

from journal import Acknowledged, Document, read, write
from judge import Observed, Standing, judge

LEAVE, PRICES, GONE = (Document("harbour", name) for name in ("leave", "prices", "gone"))
BAD = Document("harbour", "bad")
JOURNAL = [
    Acknowledged(LEAVE, 1, "UPSERT", "amber crane", 1.0),
    Acknowledged(LEAVE, 2, "UPSERT", "blue dock", 2.0),
    Acknowledged(PRICES, 1, "UPSERT", "copper kiln", 3.0),
    Acknowledged(GONE, 1, "UPSERT", "grey boat", 4.0),
    Acknowledged(GONE, 2, "ERASE", "", 5.0),
    Acknowledged(BAD, 1, "UPSERT", "", 6.0, poison=True),
]


def healthy() -> Observed:
    """What must be seen when all of JOURNAL has settled."""
    return Observed(
        indexed=Counter({(LEAVE, 1): 1, (LEAVE, 2): 1, (PRICES, 1): 1, (GONE, 1): 1}),
        erased=Counter({(GONE, 2): 1}),
        dead_letters=Counter({BAD: 1}),
        current={LEAVE: Standing(2, False, 2), PRICES: Standing(1, False, 1), GONE: Standing(2, True, 0)},
        rows=[(LEAVE, 2, 0), (LEAVE, 2, 1), (PRICES, 1, 0)],
        served={LEAVE: "about the blue dock", PRICES: "a copper kiln", GONE: None},
        audit_sent=Counter({"a": 1, "b": 1}),
        audit_logged=Counter({"a": 1, "b": 1, "older": 1}),
    )


def test_whole_stack_is_found_whole() -> None:
    verdict = judge(JOURNAL, healthy())
    assert verdict.holds
    assert verdict.acknowledged == 6


PLANTED: dict[str, tuple[str, Callable[[Observed], Observed]]] = {
    "a version without any fate": ("lost", lambda seen: replace(seen, indexed=seen.indexed - Counter({(LEAVE, 1): 1}))),
    "an erasure without any fate": ("lost", lambda seen: replace(seen, erased=Counter())),
    "a poison record that vanished": ("lost", lambda seen: replace(seen, dead_letters=Counter())),
    "a missing row": ("lost", lambda seen: replace(seen, rows=[row for row in seen.rows if row != (LEAVE, 2, 1)])),
    "a newest version that is not current": (
        "lost", lambda seen: replace(seen, current={**seen.current, LEAVE: Standing(1, False, 2)}),
    ),
    "a document nobody says is current": (
        "lost", lambda seen: replace(seen, current={each: of for each, of in seen.current.items() if each != PRICES}),
    ),
    "a document that is not served": ("lost", lambda seen: replace(seen, served={**seen.served, PRICES: None})),
    "an old text served": ("lost", lambda seen: replace(seen, served={**seen.served, LEAVE: "the amber crane"})),
    "a version indexed twice": (
        "duplicated", lambda seen: replace(seen, indexed=seen.indexed + Counter({(PRICES, 1): 1})),
    ),
    "a version indexed and held": ("duplicated", lambda seen: replace(seen, quarantined=Counter({(PRICES, 1): 1}))),
    "a row twice": ("duplicated", lambda seen: replace(seen, rows=[*seen.rows, (PRICES, 1, 0)])),
    "a chunk too many": ("duplicated", lambda seen: replace(seen, rows=[*seen.rows, (PRICES, 1, 1)])),
    "a row of an erased document": ("resurrected", lambda seen: replace(seen, rows=[*seen.rows, (GONE, 1, 0)])),
    "an erased document current again": (
        "resurrected", lambda seen: replace(seen, current={**seen.current, GONE: Standing(1, False, 1)}),
    ),
    "an erased document served": ("resurrected", lambda seen: replace(seen, served={**seen.served, GONE: "grey boat"})),
    "a row of an older version": ("mixed", lambda seen: replace(seen, rows=[*seen.rows, (LEAVE, 1, 0)])),
    "an audit event that is not logged": (
        "unlogged", lambda seen: replace(seen, audit_logged=seen.audit_logged - Counter({"b": 1})),
    ),
    "an audit event logged twice": (
        "unlogged", lambda seen: replace(seen, audit_logged=seen.audit_logged + Counter({"a": 1})),
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_fault_is_found_and_named(planted: str) -> None:
    kind, plant = PLANTED[planted]
    verdict = judge(JOURNAL, plant(healthy()))
    assert not verdict.holds
    found = getattr(verdict, kind)
    assert found
    assert all(any(name in line for name in ("harbour/", ": a", ": b")) for line in found)


def test_repeated_submission_may_end_twice_but_may_not_show_twice() -> None:
    again = [*JOURNAL, replace(JOURNAL[2], repeated=True)]
    twice = replace(healthy(), indexed=healthy().indexed + Counter({(PRICES, 1): 1}))
    assert judge(again, twice).holds
    assert judge(again, replace(twice, rows=[*twice.rows, (PRICES, 1, 0)])).duplicated


def test_superseded_version_is_a_fate() -> None:
    overtaken = replace(
        healthy(), indexed=healthy().indexed - Counter({(LEAVE, 1): 1}), superseded=Counter({(LEAVE, 1): 1})
    )
    assert judge(JOURNAL, overtaken).holds


def test_journal_reads_back_and_a_torn_last_line_was_never_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w") as file:
        for line in JOURNAL:
            write(file, line)
        file.write('{"document": {"tenant_id": "harb')
    assert read([path]) == JOURNAL
