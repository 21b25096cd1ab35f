"""The fuzzing programs run on demand only, so nothing else would notice that what they import has moved."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parents[1] / "fuzz").glob("fuzz_*.py"))


def missing(source: str) -> list[str]:
    """Names that a program imports from Staithe and that are not there."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("staithe"):
            try:
                module = import_module(str(node.module))
            except ModuleNotFoundError:
                found.append(str(node.module))
                continue
            found += [f"{node.module}.{each.name}" for each in node.names if not hasattr(module, each.name)]
    return found


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 2


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program_imports_only_what_is_there(program: Path) -> None:
    assert missing(program.read_text()) == []


@pytest.mark.parametrize(
    "source", ["from staithe.sanitization.instructions import x", "from staithe.sanitization.detect import Nothing"]
)
def test_what_has_moved_is_noticed(source: str) -> None:
    assert missing(source)
