"""Avro in Confluent's wire format: byte 0, four bytes of schema id, the Avro body (Avro 1.12 specification).

Reader schemas are pinned by the caller. Writer schemas come from the registry and are hostile until checked:
recursive types would crash the decoder and types of zero size would keep it busy without end, so both are refused
at load; bytes after the body are refused too, because the decoder would silently ignore them. Logical types are
dropped: a writer's annotation must not decide which Python type a field of ours becomes.
"""

import io
import json
import struct
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, NewType, Union, cast, get_args, get_origin, get_type_hints

import fastavro
import fastavro.schema

from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.events import EVENT_CLASSES, Event

MAGIC: Final = 0
HEADER_BYTES: Final = 5
SCHEMA_CHARACTERS_MAX: Final = 256 * 1024
"""Our largest schema is 6 KB; a writer's schema has no reason to be 40 times larger."""
SCHEMA_DEPTH_MAX: Final = 32
"""Our deepest schema nests 5 levels; the decoder recurses once per level."""

Schema = Mapping[str, Any]


class EventSchema:
    """A pinned schema and the event class it decodes to."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.event_class: type[Event] = EVENT_CLASSES[name]
        self._parsed = parse_schema(text)

    def encode(self, event: Event, *, schema_id: int) -> bytes:
        """`event` as a framed record value; raises InvalidEvent when a field does not fit the schema."""
        if not isinstance(event, self.event_class):
            raise InvalidEvent(f"{type(event).__name__} does not belong to {self.name}", reason_code="EVENT_TYPE")
        buffer = io.BytesIO()
        buffer.write(struct.pack(">BI", MAGIC, schema_id))
        try:
            fastavro.schemaless_writer(buffer, self._parsed, _to_avro(event))
        except (ValueError, TypeError, KeyError, OverflowError, struct.error) as error:
            raise InvalidEvent(f"event does not fit {self.name}", reason_code="EVENT_UNENCODABLE") from error
        return buffer.getvalue()

    def decode(self, record_value: bytes | None, writer_schema: Callable[[int], Schema]) -> Event:
        """The event in a framed record value, written under whatever schema `writer_schema` returns for its id.

        Raises InvalidEvent when the frame, the body, or the writer's schema is not acceptable.
        """
        schema_id, body = split_frame(record_value)
        writer = writer_schema(schema_id)
        stream: Any = _Body(body)
        try:
            decoded: Any = fastavro.schemaless_reader(stream, dict(writer), self._parsed)
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            EOFError,
            OverflowError,
            MemoryError,
            StopIteration,
        ) as error:
            raise InvalidEvent(f"body does not decode as {self.name}", reason_code="EVENT_UNDECODABLE") from error
        except fastavro.read.SchemaResolutionError as error:
            raise InvalidEvent(
                f"written under a schema that {self.name} cannot read", reason_code="SCHEMA_INCOMPATIBLE"
            ) from error
        if stream.tell() != len(body):
            raise InvalidEvent("bytes follow the event", reason_code="TRAILING_BYTES")
        event: Event = _from_avro(self.event_class, decoded)
        return event


class _Body:
    """Refuses to read past its end: where the decoder skips a field it takes a short read for a whole one."""

    def __init__(self, content: bytes) -> None:
        stream = io.BytesIO(content)
        read = stream.read

        def read_exactly(size: int) -> bytes:
            piece = read(size)
            if len(piece) != size:
                raise EOFError
            return piece

        self.read, self.tell = read_exactly, stream.tell


def split_frame(record_value: bytes | None) -> tuple[int, bytes]:
    """The schema id and the body of a record value; raises InvalidEvent when there is no frame."""
    if record_value is None or len(record_value) < HEADER_BYTES:
        raise InvalidEvent("record has no Confluent frame (5 bytes)", reason_code="FRAME_MISSING")
    magic, schema_id = struct.unpack(">BI", record_value[:HEADER_BYTES])
    if magic != MAGIC:
        raise InvalidEvent("record does not start with byte 0", reason_code="FRAME_MISSING")
    return schema_id, record_value[HEADER_BYTES:]


def load_event_schemas(folder: Path) -> Mapping[str, EventSchema]:
    """All pinned schemas of `folder`; raises ConfigurationError when one is missing or refused."""
    try:
        return {name: EventSchema(name, (folder / f"{name}.avsc").read_text()) for name in EVENT_CLASSES}
    except (OSError, UnicodeDecodeError, InvalidEvent) as error:
        raise ConfigurationError(
            f"schemas folder {folder} is not usable ({error}); set STAITHE_…_SCHEMAS_DIR to the repository's schemas/",
            reason_code="SCHEMAS_UNREADABLE",
        ) from error


def parse_schema(text: str) -> dict[str, Any]:
    """A parsed Avro schema; raises InvalidEvent when it is too large, malformed, or of a banned shape."""
    if len(text) > SCHEMA_CHARACTERS_MAX:
        raise InvalidEvent("schema is too large", reason_code="SCHEMA_REFUSED")
    try:
        raw = json.loads(text, object_hook=_without_logical_type)
        _Shape().check(raw)
        parsed = fastavro.schema.parse_schema(raw)
    except InvalidEvent:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        fastavro.schema.SchemaParseException,
    ) as error:
        raise InvalidEvent("schema is malformed", reason_code="SCHEMA_REFUSED") from error
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise InvalidEvent("schema is not a record", reason_code="SCHEMA_REFUSED")
    return parsed


class _Shape:
    """Walks a schema, refusing recursion, depth, and types whose values take no bytes.

    Where every value takes a byte, a body bounds the decoder's work; `null` takes its byte as a branch of a union.
    """

    def __init__(self) -> None:
        self._heights: dict[str, int] = {}

    def check(self, schema: Any, open_names: tuple[str, ...] = (), depth: int = 0) -> int:
        """How many levels `schema` has, named types followed; raises InvalidEvent when the shape is banned."""
        if isinstance(schema, str):
            height = self._reference(schema, open_names)
        elif depth > SCHEMA_DEPTH_MAX:
            height = 0
        elif isinstance(schema, list):
            branches = [self.check(branch, open_names, depth + 1) for branch in schema if branch != "null"]
            height = 1 + max(branches, default=0)
        else:
            height = 1 + self._complex(schema, open_names, depth + 1)
            if "name" in schema:
                name = _short(schema["name"])
                self._heights[name] = max(height, self._heights.get(name, 0))
        if depth + height > SCHEMA_DEPTH_MAX:
            raise InvalidEvent("schema nests too deeply", reason_code="SCHEMA_REFUSED")
        return height

    def _reference(self, name: str, open_names: tuple[str, ...]) -> int:
        if _short(name) in open_names:
            raise InvalidEvent("schema is recursive", reason_code="SCHEMA_REFUSED")
        if name == "null":
            raise _zero_size()
        return self._heights.get(_short(name), 0)

    def _complex(self, schema: Mapping[str, Any], open_names: tuple[str, ...], depth: int) -> int:
        match schema["type"]:
            case "record" | "error":
                inside = (*open_names, _short(schema["name"]))
                heights = [self.check(each["type"], inside, depth) for each in schema["fields"]]
                if not heights:
                    raise _zero_size()
                return max(heights)
            case "array":
                return self.check(schema["items"], open_names, depth)
            case "map":
                return self.check(schema["values"], open_names, depth)
            case "fixed":
                if not schema["size"] > 0:
                    raise _zero_size()
                return 0
            case "enum":
                return 0
            case inner:
                return self.check(inner, open_names, depth)


def _zero_size() -> InvalidEvent:
    return InvalidEvent("schema has a type whose values take no bytes", reason_code="SCHEMA_REFUSED")


def _without_logical_type(schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("logicalType", None)
    return schema


def _short(name: str) -> str:
    """A name without its namespace: comparing these refuses a little too much, and can't be talked around."""
    return name.rpartition(".")[2]


def _to_avro(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _to_avro(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return [_to_avro(each) for each in value]
    return value


def _from_avro(event_class: type[Any], decoded: Mapping[str, Any]) -> Any:
    return event_class(
        **{name: convert(decoded[name]) for name, convert in _converters(cast("Hashable", event_class)).items()}
    )


@cache
def _converters(event_class: Hashable) -> Mapping[str, Callable[[Any], Any]]:
    return {name: _converter(hint) for name, hint in get_type_hints(event_class).items()}


def _converter(hint: Any) -> Callable[[Any], Any]:
    """How to turn fastavro's plain value into the type a field declares."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _converter(next(each for each in arguments if each is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        each = _converter(arguments[0])
        return lambda values: tuple(map(each, values))
    if isinstance(hint, NewType) or origin is not None:
        return _same
    if isinstance(hint, type) and issubclass(hint, IntEnum | Enum):
        return lambda name: hint[name]
    if is_dataclass(hint):
        record: Any = hint
        return lambda value: _from_avro(record, value)
    return _bytes if hint is bytes else _same


def _bytes(value: Any) -> Any:
    """fastavro hands out a default of bytes as the text the schema writes it in (code points 0 to 255)."""
    return value.encode("latin-1") if isinstance(value, str) else value


def _same(value: Any) -> Any:
    return value
