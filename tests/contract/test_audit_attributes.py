"""What services write into audit events, the audit log takes: a name it does not know would dead-letter the event."""

import ast
from collections.abc import Iterator
from pathlib import Path

from staithe.audit.policy import ATTRIBUTES

ROOT = Path(__file__).parents[2]


def attribute_names(tree: ast.AST) -> Iterator[str]:
    """The keys of every dict that is passed as `attributes=…` or bound to that name."""
    for node in ast.walk(tree):
        passed = isinstance(node, ast.keyword) and node.arg == "attributes"
        bound = isinstance(node, ast.Assign) and "attributes" in map(ast.unparse, node.targets)
        if isinstance(node, ast.keyword | ast.Assign) and (passed or bound):
            yield from _keys(node.value)


def _keys(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def test_every_attribute_that_a_service_writes_is_on_the_log_s_list() -> None:
    written: dict[str, str] = {}
    for area in ("libs", "services", "tools"):
        for path in ROOT.glob(f"{area}/*/src/**/*.py"):
            written |= dict.fromkeys(attribute_names(ast.parse(path.read_text())), path.name)
    assert len(written) > 5
    assert {name: place for name, place in written.items() if name not in ATTRIBUTES} == {}


def test_scan_sees_an_unknown_name() -> None:
    source = 'record("a", attributes={"mood": "good", **more})\nattributes = {"hue": "red"} if x else {}'
    assert set(attribute_names(ast.parse(source))) == {"mood", "hue"}
