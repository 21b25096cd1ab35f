"""docs/threat-model.md: every threat is there, and every test that it names can be run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "security"))

from threats import PAGE, missing, named_tests, rows

PAGE_TEXT = PAGE.read_text()
THREATS = 45
ROW = "| {} | S | a threat | a control | `tests/security/test_acl_matrix.py` | |\n"


def test_every_threat_is_there_once() -> None:
    assert sorted(rows(PAGE_TEXT)) == list(range(1, THREATS + 1))


def test_every_threat_names_a_test() -> None:
    assert [number for number, named in rows(PAGE_TEXT).items() if not named] == []


def test_every_named_test_is_there() -> None:
    assert [why for named in named_tests(PAGE_TEXT) if (why := missing(named))] == []


def test_name_that_leads_nowhere_is_noticed() -> None:
    assert missing("tests/security/test_nothing.py") is not None
    assert missing("tests/security/test_acl_matrix.py::test_nothing") is not None


@pytest.mark.parametrize("page", [ROW.format(1) * 2, "| 1 | S | a | b | c | d | e |\n"])
def test_table_that_cannot_be_read_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="row 1"):
        rows(page)


def test_file_named_whole_is_run_once() -> None:
    page = ROW.format(1) + "| 2 | S | a | b | `tests/security/test_acl_matrix.py::test_nobody_administers` | |\n"
    assert named_tests(page) == ["tests/security/test_acl_matrix.py"]
