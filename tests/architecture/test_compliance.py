"""docs/compliance.md: every link leads somewhere, and every control names code and a test that can be run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "compliance.md"
_LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_COLUMNS: Final = 5


def rows(page: str) -> Iterator[list[str]]:
    """The cells of each row of the tables, heads left out."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    heads = ("demand", "tenet", "risk")
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] not in heads:
            yield cells


def broken(page: str) -> list[str]:
    """Links that lead nowhere in the repository; an address of the web counts as nowhere."""
    return [link for link in _LINK.findall(page) if not (PAGE.parent / link).exists()]


def without_tests(page: str) -> list[str]:
    """Controls whose code or tests are not named, or whose tests are no tests."""
    found = []
    for cells in rows(page):
        whole = len(cells) == _COLUMNS
        code, tests = (_LINK.findall(cells[2]), _LINK.findall(cells[3])) if whole else ([], [])
        runs = all(Path(each).name.startswith("test_") and each.endswith(".py") for each in tests)
        if not (code and tests and runs):
            found.append(cells[0])
    return found


def test_every_link_leads_somewhere() -> None:
    assert broken(PAGE.read_text()) == []


def test_every_control_names_code_and_tests() -> None:
    page = PAGE.read_text()
    assert without_tests(page) == []
    named = [cells[0] for cells in rows(page)]
    assert len([each for each in named if each.startswith("LLM")]) == 10
    assert len([each for each in named if re.match(r"[1-7]\. ", each)]) == 7


def test_bad_link_and_a_control_without_a_test_are_noticed() -> None:
    assert broken("[a](../services/nothing.py) [b](https://example.com)") == [
        "../services/nothing.py",
        "https://example.com",
    ]
    assert without_tests("| Art. 99 | a | [code](../topology.yaml) | none | |") == ["Art. 99"]
    assert without_tests("| Art. 99 | a | [code](../topology.yaml) | [no](../topology.yaml) | |") == ["Art. 99"]
    assert without_tests("| Art. 99 | a |") == ["Art. 99"]
