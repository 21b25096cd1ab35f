"""Reports tell everything that was seen once, name nobody who was not asked about, and cannot attack their reader."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from staithe.audit.citations import parse_shown
from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.reader import LogReader
from staithe.audit.report_csv import Names, harmless, timeline_csv
from staithe.audit.report_html import dossier_html, erasure_state, timeline_html
from staithe.audit.reports import Asked, Period, check_dossier, dossier, is_dossier, timeline
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import AuditEvent, Outcome
from staithe.kernel.provenance import CitedPassage, spell_citations

ORIGIN = "audit.example/test"
ANNA, BERT = "a" * 64, "b" * 64
PLAN, NOTE = sha256(b"plan").digest(), sha256(b"note").digest()
HOSTILE = '=HYPERLINK("//evil")<script>alert(1)</script>'
Make = Callable[[int], AuditEvent]
Named = dict[str, str]


def cited(*subjects: bytes) -> str:
    return spell_citations(
        [
            CitedPassage(
                subject_sha256=each, document_version=7, tier=2, basis="tier", span_start=0, span_end=9,
                quote_sha256=b"q" * 32, chunk_sha256s=(b"c" * 32,),
            )
            for each in subjects
        ]
    )  # fmt: skip


def story(event: Make) -> list[AuditEvent]:
    """Ten things that happened, one a second."""

    def one(number: int, action: str, who: str = "", **more: str) -> AuditEvent:
        attributes = ({"caller_hmac": who, "tier": "2", "interface": "api"} if who else {}) | more
        return replace(
            event(number), action=action, service="query", subject_sha256=None, document_version=0,
            occurred_at=1_790_000_000_000 + number * 1000, attributes=attributes,
        )  # fmt: skip

    about_plan = {"subject_sha256": PLAN, "document_version": 7}
    shown = f"{PLAN.hex()}:7;{NOTE.hex()}:3"
    return [
        replace(one(0, "document.ingested", operation="UPSERT"), **about_plan),
        one(1, "query.answered", ANNA, cited=cited(PLAN, PLAN, NOTE), citations="3"),
        one(2, "query.searched", BERT, shown=shown, results="2"),
        replace(one(3, "document.read", BERT), **about_plan),
        replace(one(4, "document.read", ANNA), outcome=Outcome.FAILURE, reason_code="HASH_MISMATCH", **about_plan),
        replace(one(5, "document.inspected", ANNA), **about_plan),
        replace(one(6, "query.searched", ANNA, shown=shown, results="2"), tenant_id="quarry"),
        one(7, "query.searched", ANNA, results="4"),
        replace(one(8, "document.erased"), **about_plan),
        replace(one(9, "keys.shredded", principal="indexing", secret_count="1"), **about_plan),
    ]


@pytest.fixture
def log(tmp_path: Path, signer: Signer, event: Make) -> tuple[LogReader, bytes]:
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        log.append([encode_entry(each) for each in story(event)])
        return log.reader(), log.checkpoint


def test_everything_that_was_seen_is_told_once(log: tuple[LogReader, bytes]) -> None:
    found = timeline(log[0], Asked("harbour"))
    assert [(each.leaf_index, each.subject_sha256, each.how) for each in found.rows] == [
        (1, PLAN, "cited in an answer"), (1, NOTE, "cited in an answer"),
        (2, PLAN, "shown by a search"), (2, NOTE, "shown by a search"),
        (3, PLAN, "read whole"), (5, PLAN, "labels only"),
    ]  # fmt: skip
    assert found.unnamed_searches == 1


@pytest.mark.parametrize(
    ("asked", "leaves"),
    [
        (Asked("harbour", frozenset({NOTE})), [1, 2]),
        (Asked("harbour", callers=frozenset({BERT})), [2, 2, 3]),
        (Asked("harbour", frozenset({NOTE}), frozenset({BERT})), [2]),
        (Asked("harbour", period=Period(1_790_000_003_000, 1_790_000_005_000)), [3]),
        (Asked("quarry"), [6, 6]),
        (Asked("quarry", callers=frozenset({BERT})), []),
        (Asked("elsewhere"), []),
    ],
)
def test_only_what_was_asked_about_is_told(asked: Asked, leaves: list[int], log: tuple[LogReader, bytes]) -> None:
    assert [each.leaf_index for each in timeline(log[0], asked).rows] == leaves


def test_report_that_would_be_too_large_is_refused(
    log: tuple[LogReader, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staithe.audit.reports.REPORT_ROWS_MAX", 5)
    with pytest.raises(InvalidEvent, match="narrow it down"):
        timeline(log[0], Asked("harbour"))
    monkeypatch.setattr("staithe.audit.reports.EVIDENCE_BYTES_MAX", 5_000)
    with pytest.raises(InvalidEvent, match="narrow it down"):
        dossier(log[0], log[1], PLAN, Period(until_ms=1_790_000_003_000))


def test_csv_is_read_back_and_names_only_who_was_asked_about(log: tuple[LogReader, bytes]) -> None:
    found = timeline(log[0], Asked("harbour"))
    text = "".join(timeline_csv(found.rows, Names({PLAN: HOSTILE}, {BERT: "@bert"})))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(found.rows)
    assert rows[2]["caller"] == "'@bert"
    assert rows[2]["document"] == f"'{HOSTILE}"
    assert {each["caller"] for each in rows if each["caller_hmac"] == ANNA} == {""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_cell_that_a_spreadsheet_could_run_is_text(start: str) -> None:
    assert harmless(f"{start}cmd|' /C calc'!A0").startswith("'")
    assert harmless(f"a{start}b") == f"a{start}b"


def test_pages_run_and_load_nothing(log: tuple[LogReader, bytes]) -> None:
    asked = Asked("harbour", frozenset({PLAN}), frozenset({BERT}))
    names = Names({PLAN: HOSTILE}, {BERT: HOSTILE})
    for page in (
        timeline_html(timeline(log[0], asked), asked, names, made_at=0),
        dossier_html(dossier(log[0], log[1], PLAN), names, made_at=0),
    ):
        assert "<script" not in page
        assert not re.search(r"(?:src|href)\s*=|url\(|@import|<(?:iframe|img|link|object|embed|form|base)", page)
        assert "default-src 'none'" in page
        assert "&lt;script&gt;" in page


def test_page_says_when_it_is_not_complete(log: tuple[LogReader, bytes]) -> None:
    asked = Asked("harbour")
    assert "Not complete" in timeline_html(timeline(log[0], asked), asked, Names(), made_at=0)
    asked = Asked("quarry")
    assert "Not complete" not in timeline_html(timeline(log[0], asked), asked, Names(), made_at=0)


def test_dossier_has_all_of_one_document_and_verifies(log: tuple[LogReader, bytes], signer: Signer) -> None:
    found = dossier(log[0], log[1], PLAN)
    assert [leaf for leaf, _ in found.entries] == [0, 3, 4, 5, 8, 9]
    assert [each.leaf_index for each in found.proven] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert erasure_state(found) == "erased up to version 7"
    document = found.encode()
    assert is_dossier(document)
    head, count = check_dossier(document, VerifierKey(ORIGIN, signer.public_key))
    assert (head.size, count) == (10, 9)


def test_version_after_an_erasure_and_half_an_erasure_are_told(log: tuple[LogReader, bytes]) -> None:
    found = dossier(log[0], log[1], PLAN)
    later = replace(found, entries=(*found.entries, (10, replace(found.entries[0][1], document_version=8))))
    assert erasure_state(later) == "erased up to version 7; version 8 came after it"
    half = replace(found, entries=found.entries[:-1])
    assert erasure_state(half) == "begun, not finished: rows only"
    assert erasure_state(replace(found, entries=found.entries[:1])) == "not erased"


def shown_of(found: bytes) -> dict[str, object]:
    shown: dict[str, object] = json.loads(found)
    return shown


def test_dossier_that_was_touched_is_refused(log: tuple[LogReader, bytes], signer: Signer) -> None:
    key, good = VerifierKey(ORIGIN, signer.public_key), dossier(log[0], log[1], PLAN).encode()
    touched: dict[str, bytes] = {
        "word": good.replace(b"document.ingested", b"document.indexed"),
        "leaf": good.replace(b'"leaf_index": 0', b'"leaf_index": 1'),
        "checkpoint": good.replace(b"\\n10\\n", b"\\n11\\n"),
        "number": good.replace(b'"leaf_index": 0', b'"leaf_index": "0"'),
        "subject": good.replace(
            f'"subject_sha256": "{PLAN.hex()}"'.encode(), b'"subject_sha256": "' + b"0" * 64 + b'"'
        ),
        "path": json.dumps(shown_of(good) | {"entries": [{"leaf_index": 0, "entry": "{}", "path": []}]}).encode(),
        "no path": json.dumps(shown_of(good) | {"entries": [{"leaf_index": 0}]}).encode(),
        "cut": good[:-40],
        "nothing": b"",
        "list": b"[]",
    }
    for name, document in touched.items():
        assert document != good, name
        with pytest.raises((Integrity, InvalidEvent)):
            check_dossier(document, key)
    with pytest.raises(Integrity):
        check_dossier(good, VerifierKey(ORIGIN, Signer.generate().public_key))


def test_versions_that_a_search_showed_are_read_back() -> None:
    assert parse_shown(f"{PLAN.hex()}:7;{NOTE.hex()}:3") == ((PLAN, 7), (NOTE, 3))
    for bad in (
        "",
        ";",
        PLAN.hex(),
        f"{PLAN.hex()}:07",
        f"{PLAN.hex()}:7;",
        f"{PLAN.hex().upper()}:7",
        "x" * 64 + ":1",
    ):
        with pytest.raises(InvalidEvent):
            parse_shown(bad)
