"""Ordinary technical prose: the docstrings of pinned packages (NumPy, SciPy, Babel; BSD), paragraph by paragraph."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from random import Random

PACKAGES = ("numpy", "scipy", "babel")


def passages(count: int, seed: int) -> list[str]:
    """`count` paragraphs of at most sixty words."""
    found = [each for package in PACKAGES for each in _paragraphs(package)]
    Random(seed).shuffle(found)  # noqa: S311 - reproducible on purpose
    return found[:count]


def _paragraphs(package: str) -> Iterator[str]:
    origin = importlib.util.find_spec(package)
    if origin is None or origin.origin is None:
        raise SystemExit(f"{package} is not installed: run `make train-injection`")
    for path in sorted(Path(origin.origin).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                    words = paragraph.split()
                    if len(words) > 6:
                        yield " ".join(words[:60])
