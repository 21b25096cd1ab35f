"""Schemas and event classes say the same: fields, types, defaults; and no schema breaks an earlier one."""

import json
import subprocess
import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import pytest
from kernel_samples import EXAMPLES, ROOT, SCHEMAS

from staithe.kernel.codec import load_event_schemas, parse_schema
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import EVENT_CLASSES

PINNED = load_event_schemas(SCHEMAS)


def raw(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((SCHEMAS / f"{name}.avsc").read_text())
    return parsed


class Fit:
    """Whether an Avro schema and a Python type carry the same values."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def record(self, schema: dict[str, Any], cls: Any) -> None:
        hints = get_type_hints(cls)
        assert [each["name"] for each in schema["fields"]] == sorted(
            hints, key=[each["name"] for each in schema["fields"]].index
        )
        given = {each.name: each for each in fields(cls)}
        for each in schema["fields"]:
            assert self.fits(each["type"], hints[each["name"]]), (schema["name"], each["name"])
            if "default" in each and given[each["name"]].default is not MISSING:
                ours, theirs = given[each["name"]].default, each["default"]
                plain = ours.name if isinstance(ours, Enum) else ours.decode() if isinstance(ours, bytes) else ours
                assert (list(plain) if isinstance(plain, tuple) else plain) == theirs, each["name"]

    def fits(self, schema: Any, hint: Any) -> bool:  # noqa: PLR0911 - one return for each kind of schema
        schema = self.named.get(schema, schema) if isinstance(schema, str) else schema
        hint = hint.__supertype__ if isinstance(hint, NewType) else hint
        if isinstance(schema, list):
            inner = [each for each in get_args(hint) if each is not type(None)]
            return get_origin(hint) in (Union, types.UnionType) and self.fits(
                next(each for each in schema if each != "null"), inner[0]
            )
        if isinstance(schema, str):
            return {"string": str, "long": int, "int": int, "bytes": bytes, "boolean": bool}[schema] is hint
        if "name" in schema:
            self.named[schema["name"]] = schema
        match schema["type"]:
            case "record":
                if not is_dataclass(hint):
                    return False
                self.record(schema, hint)
                return True
            case "enum":
                return issubclass(hint, Enum) and [each.name for each in hint] == schema["symbols"]
            case "fixed":
                return hint is bytes
            case "array":
                return get_origin(hint) is tuple and self.fits(schema["items"], get_args(hint)[0])
            case "map":
                return self.fits(schema["values"], get_args(hint)[1])
        return False


@pytest.mark.parametrize("name", EVENT_CLASSES)
def test_schema_and_class_have_the_same_fields_of_the_same_types(name: str) -> None:
    Fit().record(raw(name), EVENT_CLASSES[name])


@pytest.mark.parametrize("name", EVENT_CLASSES)
def test_schema_is_named_after_its_class(name: str) -> None:
    assert f"{raw(name)['namespace']}.{raw(name)['name']}" == f"staithe.v1.{EVENT_CLASSES[name].__name__}"


def test_every_schema_has_a_class_and_an_example() -> None:
    files = {str(path.relative_to(SCHEMAS).with_suffix("")) for path in SCHEMAS.rglob("*.avsc")}
    assert files == EVENT_CLASSES.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_fills_every_field(name: str) -> None:
    empty = {
        each.name for each in fields(EXAMPLES[name]) if getattr(EXAMPLES[name], each.name) in (None, "", b"", (), {})
    }
    assert empty == set()


def committed(name: str) -> list[str]:
    """Every version of a schema file that the repository has ever committed."""
    path = f"schemas/{name}.avsc"
    log = ["git", "log", "--format=%H", "--", path]
    found = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    revisions = found.stdout.split() if found.returncode == 0 else []
    show = [["git", "show", f"{revision}:{path}"] for revision in revisions]
    outputs = [subprocess.run(each, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60) for each in show]
    return [each.stdout for each in outputs if each.returncode == 0]


def written(schema: Any, named: dict[str, Any]) -> bytes:
    """The bytes of one value of `schema` with every array and map empty and every union at its last branch."""
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, list):
        return bytes([2 * (len(schema) - 1)]) + written(schema[-1], named)
    if isinstance(schema, str):
        return b"\0"
    if "name" in schema:
        named[schema["name"]] = schema
    match schema["type"]:
        case "record":
            return b"".join(written(each["type"], named) for each in schema["fields"])
        case "fixed":
            return bytes(schema["size"])
    return b"\0"


def assert_readable(name: str, earlier: str) -> None:
    parsed = parse_schema(earlier)
    body = written(json.loads(earlier), {})
    event = PINNED[name].decode(b"\0\0\0\0\1" + body, lambda _: parsed)
    PINNED[name].encode(event, schema_id=1)


@pytest.mark.parametrize("name", EVENT_CLASSES)
def test_every_earlier_version_can_still_be_read(name: str) -> None:
    for earlier in [*committed(name), (SCHEMAS / f"{name}.avsc").read_text()]:
        assert_readable(name, earlier)


@pytest.mark.parametrize("name", EVENT_CLASSES)
def test_earlier_version_without_a_required_field_would_be_noticed(name: str) -> None:
    schema = raw(name)
    schema["fields"] = [each for each in schema["fields"] if each["name"] != "tenant_id" and each["name"] != "event_id"]
    required = [
        each for each in raw(name)["fields"] if each["name"] in ("tenant_id", "event_id") and "default" not in each
    ]
    assert required
    with pytest.raises(InvalidEvent):
        assert_readable(name, json.dumps(schema))
