"""`staithe access`: who gains and who loses which documents, before rules are taken into use."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from staithe.cli.__main__ import app

MANIFEST = """\
documents:
  - {path: a, tenant_id: harbour, document_id: menu, content_type: text/plain, tier: 1, classification: PUBLIC}
  - {path: b, tenant_id: harbour, document_id: pay, content_type: text/plain, tier: 1, groups: [hr],
     classification: RESTRICTED}
  - {path: c, tenant_id: millrace, document_id: pay, content_type: text/plain, tier: 1, classification: RESTRICTED}
"""
NOTHING = "rules: []"
RULE = "rules: [{id: x, documents: {classifications: [RESTRICTED]}, callers: {purposes: [payroll]}}]"
HOURS = "{days: [mon, tue, wed, thu, fri], from: '07:00', until: '19:00', zone: Europe/Berlin}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "manifest.yaml").write_text(MANIFEST)
    return tmp_path


def staithe(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["access", *arguments], env={"COLUMNS": "200"})


def compared(folder: Path, old: str, new: str, *options: str) -> Any:
    for name, text in (("old", old), ("new", new)):
        (folder / name).write_text(text)
    done = staithe("diff", str(folder / "old"), str(folder / "new"), str(folder / "documents"), "--json", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_new_rule_takes_from_those_who_do_not_meet_it_and_from_nobody_else(folder: Path) -> None:
    found = compared(folder, NOTHING, RULE)
    loses = {each["caller"]: each["loses"] for each in found["changes"]}
    assert loses["harbour:1:hr"] == ["harbour/pay"]
    assert loses["millrace:1"] == ["millrace/pay"]
    assert "harbour:1" not in loses
    assert "harbour:1:hr:payroll" not in loses
    assert all(each["gains"] == [] for each in found["changes"])


def test_taking_it_back_gives_the_same_documents_to_the_same_callers(folder: Path) -> None:
    taken, given = compared(folder, NOTHING, RULE)["changes"], compared(folder, RULE, NOTHING)["changes"]
    assert [(each["caller"], each["loses"]) for each in taken] == [(each["caller"], each["gains"]) for each in given]


def test_same_rules_change_nothing(folder: Path) -> None:
    assert compared(folder, RULE, RULE)["changes"] == []


@pytest.mark.parametrize(("moment", "changes"), [("2026-11-27T12:00+01:00", 0), ("2026-11-28T12:00+01:00", 1)])
def test_hours_are_compared_at_a_moment(folder: Path, moment: str, changes: int) -> None:
    rule = f"rules: [{{id: x, documents: {{}}, callers: {{hours: {HOURS}}}}}]"
    found = compared(folder, NOTHING, rule, "--as", "harbour:1", "--at", moment)
    assert (len(found["changes"]), found["callers"]) == (changes, 1)


def test_people_get_a_table_and_a_sum(folder: Path) -> None:
    compared(folder, NOTHING, RULE)
    done = staithe("diff", str(folder / "old"), str(folder / "new"), str(folder / "documents"))
    assert "harbour/pay" in done.stdout
    assert "kinds of callers see other documents, of 3" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--as", "harbour"), ("--as", "harbour:4"), ("--as", "harbour:one"), ("--as", "Harbour:1"),
        ("--as", "harbour:1:h r"), ("--as", "harbour:1:hr:pay:more"), ("--at", "2026-11-27"), ("--at", "noon"),
    ],
)  # fmt: skip
def test_caller_or_moment_that_is_none_is_refused_in_words(folder: Path, options: tuple[str, str]) -> None:
    compared(folder, NOTHING, RULE)
    done = staithe("diff", str(folder / "old"), str(folder / "new"), str(folder / "documents"), *options)
    assert done.exit_code != 0
    assert options[1] in done.output


def test_unsound_rules_are_refused_and_sound_ones_counted(folder: Path) -> None:
    (folder / "rules").write_text(RULE)
    assert "1 rules" in staithe("check", str(folder / "rules")).stdout
    (folder / "rules").write_text("rules: [{id: x}]")
    assert staithe("check", str(folder / "rules")).exit_code == 2
    assert staithe("check", str(folder / "none")).exit_code == 2
