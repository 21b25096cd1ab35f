"""Reads docs/threat-model.md: which threats there are, and which tests each row names.

python tests/security/threats.py     # the tests, one a line, for pytest
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "threat-model.md"
_ROW: Final = re.compile(r"^\| (\d+) \| [STRIDE] \|(.*)\|$", re.MULTILINE)
_TEST: Final = re.compile(r"`([\w/.]+\.py(?:::test_\w+)?)`")
_COLUMNS: Final = 4


def rows(page: str) -> Mapping[int, tuple[str, ...]]:
    """The tests that each row of the tables names, by the threat's number; raises ValueError for a number twice."""
    found: dict[int, tuple[str, ...]] = {}
    for match in _ROW.finditer(page):
        number, cells = int(match[1]), match[2].split("|")
        if number in found or len(cells) != _COLUMNS:
            raise ValueError(f"row {number} is there twice or has a cell too many")
        found[number] = tuple(_TEST.findall(cells[2]))
    return found


def missing(named: str) -> str | None:
    """Why the test that is `named` cannot be run, or None."""
    path, _, function = named.partition("::")
    file = ROOT / path
    if not file.is_file():
        return f"{path} is not there"
    if function and not re.search(rf"^(?:async )?def {function}\(", file.read_text(), re.MULTILINE):
        return f"{path} has no {function}"
    return None


def named_tests(page: str) -> list[str]:
    """What pytest must run, each once: a file that is named whole stands for its tests."""
    named = {each for row in rows(page).values() for each in row}
    return sorted(each for each in named if "::" not in each or each.partition("::")[0] not in named)


if __name__ == "__main__":
    print("\n".join(named_tests(PAGE.read_text())))
