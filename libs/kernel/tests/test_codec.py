"""The codec: frames, round trips, evolution, and everything that a hostile writer may try."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_samples import EXAMPLES, NOW_MS, SCHEMAS, reason

from staithe.kernel.codec import (
    SCHEMA_CHARACTERS_MAX,
    SCHEMA_DEPTH_MAX,
    EventSchema,
    load_event_schemas,
    parse_schema,
    split_frame,
)
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.vocabulary import DocumentId, TenantId

PINNED = load_event_schemas(SCHEMAS)
SUBMITTED = PINNED["documents/submitted.v1"]
BASE = [
    {"name": "event_id", "type": "string"},
    {"name": "tenant_id", "type": "string"},
    {"name": "document_id", "type": "string"},
    {"name": "occurred_at", "type": "long"},
]
BODY = b"\x02e\x02t\x02d\x02"
"""event_id "e", tenant_id "t", document_id "d", occurred_at 1, as BASE writes them."""


def writer(*more: dict[str, Any], **changes: Any) -> str:
    """A writer's schema for a submitted document, with more fields."""
    return json.dumps(
        {"type": "record", "name": "DocumentSubmitted", "namespace": "staithe.v1", "fields": [*BASE, *more], **changes}
    )


def field(schema: Any) -> dict[str, Any]:
    return {"name": "more", "type": schema}


def decoded(schema_text: str, body: bytes) -> DocumentSubmitted:
    event = SUBMITTED.decode(b"\x00\x00\x00\x00\x07" + body, {7: parse_schema(schema_text)}.__getitem__)
    assert isinstance(event, DocumentSubmitted)
    return event


def own(schema: EventSchema) -> Mapping[str, Any]:
    return parse_schema(schema.text)


# Frames


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"\x00\x00\x00\x01", b"\x01\x00\x00\x00\x01abc", b"{}xxx"])
def test_record_without_a_frame_is_refused(value: bytes | None) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        split_frame(value)
    assert reason(refusal) == "FRAME_MISSING"


def test_frame_is_zero_and_a_big_endian_id() -> None:
    assert split_frame(b"\x00\xff\x00\x00\x07body") == (0xFF000007, b"body")


# Round trips


@pytest.mark.parametrize("name", EXAMPLES)
def test_full_example_survives_the_wire(name: str) -> None:
    schema, event = PINNED[name], EXAMPLES[name]
    framed = schema.encode(event, schema_id=258)
    assert framed[:5] == b"\x00\x00\x00\x01\x02"
    assert schema.decode(framed, lambda _: own(schema)) == event


@given(st.text(max_size=50), st.binary(max_size=200), st.integers(1, (1 << 53) - 1))
def test_any_text_and_bytes_survive_the_wire(name: str, content: bytes, version: int) -> None:
    event = DocumentSubmitted(
        event_id="e", tenant_id=TenantId("t"), document_id=DocumentId("d"), occurred_at=NOW_MS, name=name,
        content=content, document_version=version,
    )  # fmt: skip
    assert SUBMITTED.decode(SUBMITTED.encode(event, schema_id=1), lambda _: own(SUBMITTED)) == event


def test_event_of_another_class_is_not_encoded() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        SUBMITTED.encode(EXAMPLES["documents/current.v1"], schema_id=1)
    assert reason(refusal) == "EVENT_TYPE"


@pytest.mark.parametrize(
    "changes",
    [{"name": None}, {"occurred_at": 1 << 63}, {"content": "text"}, {"content_sha256": b"short"}, {"name": "\ud800"}],
)
def test_event_that_does_not_fit_its_schema_is_not_encoded(changes: dict[str, Any]) -> None:
    event = replace(EXAMPLES["documents/submitted.v1"], **changes)
    with pytest.raises(InvalidEvent) as refusal:
        SUBMITTED.encode(event, schema_id=1)
    assert reason(refusal) == "EVENT_UNENCODABLE"


# Evolution


def test_old_writer_without_optional_fields_is_read_with_defaults() -> None:
    event = decoded(writer(), BODY)
    assert event == DocumentSubmitted(event_id="e", tenant_id=TenantId("t"), document_id=DocumentId("d"), occurred_at=1)


def test_new_writer_with_an_unknown_field_is_read_without_it() -> None:
    assert decoded(writer(field({"type": "map", "values": "string"})), BODY + b"\x02\x02k\x02v\x00").event_id == "e"


def test_int_of_an_older_writer_is_read_as_long() -> None:
    text = writer().replace('"long"', '"int"')
    assert decoded(text, BODY).occurred_at == 1


@pytest.mark.parametrize("missing", [each["name"] for each in BASE])
def test_writer_without_a_required_field_is_refused(missing: str) -> None:
    text = writer(fields=[each for each in BASE if each["name"] != missing])
    with pytest.raises(InvalidEvent) as refusal:
        decoded(text, b"\x02e\x02t\x02d")
    assert reason(refusal) in ("SCHEMA_INCOMPATIBLE", "EVENT_UNDECODABLE")


def test_writer_with_another_type_is_refused() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        decoded(writer().replace('"long"', '"boolean"'), BODY)
    assert reason(refusal) == "SCHEMA_INCOMPATIBLE"


def test_record_of_another_name_is_read_only_if_its_fields_fit() -> None:
    with pytest.raises(InvalidEvent):
        decoded(writer(name="Other", fields=BASE[:1]), b"\x02e")


def test_symbol_we_do_not_know_is_refused() -> None:
    operation = {"type": "enum", "name": "Operation", "symbols": ["UPSERT", "MERGE"]}
    with pytest.raises(InvalidEvent):
        decoded(writer({"name": "operation", "type": operation}), BODY + b"\x02")


@pytest.mark.parametrize("annotation", ["timestamp-millis", "timestamp-micros", "local-timestamp-millis", "nonsense"])
def test_logical_type_of_a_writer_does_not_change_our_types(annotation: str) -> None:
    text = writer().replace('"long"', json.dumps({"type": "long", "logicalType": annotation}))
    assert type(decoded(text, BODY).occurred_at) is int


def test_logical_uuid_and_decimal_of_a_writer_stay_plain() -> None:
    text = writer(field({"type": "bytes", "logicalType": "decimal", "precision": 10**9, "scale": 10**8}))
    text = text.replace('"string"', json.dumps({"type": "string", "logicalType": "uuid"}), 1)
    assert decoded(text, BODY + b"\x02x").event_id == "e"


# Hostile schemas


RECURSIVE = {"type": "record", "name": "Tree", "fields": [{"name": "child", "type": ["null", "Tree"]}]}
EMPTY = {"type": "record", "name": "Nothing", "fields": []}


@pytest.mark.parametrize(
    "schema",
    [
        RECURSIVE,
        {"type": "array", "items": RECURSIVE},
        ["null", "DocumentSubmitted"],
        ["null", "staithe.v1.DocumentSubmitted"],
        ["null", "other.DocumentSubmitted"],
        {"type": "map", "values": "DocumentSubmitted"},
        {"type": "record", "name": "other.Tree", "fields": [{"name": "child", "type": ["null", "Tree"]}]},
        {"type": "record", "name": "Tree", "namespace": "x", "fields": [{"name": "c", "type": {"type": "x.Tree"}}]},
    ],
)
def test_recursive_schema_is_refused_under_any_name(schema: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_schema(writer(field(schema)))
    assert reason(refusal) == "SCHEMA_REFUSED"


FIXED = {"type": "fixed", "name": "F"}


@pytest.mark.parametrize(
    "schema",
    [
        "null",
        {"type": "null"},
        EMPTY,
        {**FIXED, "size": 0},
        {**FIXED, "size": -1},
        {**FIXED, "size": -5},
        {"type": "array", "items": "null"},
        {"type": "array", "items": EMPTY},
        {"type": "array", "items": {**FIXED, "size": 0}},
        {"type": "array", "items": {**FIXED, "size": -1}},
        {"type": "array", "items": {"type": "record", "name": "R", "fields": [{"name": "n", "type": "null"}]}},
        {"type": "array", "items": {"type": {"type": "record", "name": "R", "fields": []}}},
        {"type": "error", "name": "E", "fields": []},
    ],
)
def test_type_of_no_size_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_schema(writer(field(schema)))
    assert reason(refusal) == "SCHEMA_REFUSED"


def test_empty_type_cannot_hide_behind_a_name_in_another_namespace() -> None:
    empty, full = {**FIXED, "name": "a.T", "size": 0}, {**FIXED, "name": "b.T", "size": 4}
    fields = [{"name": "a", "type": empty}, {"name": "b", "type": full}]
    with pytest.raises(InvalidEvent):
        parse_schema(writer(*fields, {"name": "c", "type": {"type": "array", "items": "a.T"}}))


def test_aliases_name_nothing() -> None:
    aliased = {**FIXED, "name": "T", "aliases": ["U"], "size": 4}
    with pytest.raises(InvalidEvent):
        parse_schema(writer({"name": "a", "type": aliased}, {"name": "b", "type": {"type": "array", "items": "U"}}))
    with pytest.raises(InvalidEvent):
        parse_schema(writer(field(["null", "Loop"]), aliases=["Loop"]))


def test_parser_cannot_be_told_that_it_has_parsed_already() -> None:
    smuggled = {"__fastavro_parsed__": True, "__named_schemas": {"Tree": RECURSIVE}}
    with pytest.raises(InvalidEvent):
        parse_schema(writer(field(["null", "Tree"]), **smuggled))


def chained(levels: int) -> str:
    """A record in a record in a record, each by name and so without any nesting of the text."""
    first = {"type": "record", "name": "R0", "fields": [{"name": "n", "type": "int"}]}
    rest = [
        {"type": "record", "name": f"R{level}", "fields": [{"name": "n", "type": f"R{level - 1}"}]}
        for level in range(1, levels)
    ]
    return writer(*({"name": f"f{place}", "type": each} for place, each in enumerate([first, *rest])))


def test_depth_is_counted_through_names() -> None:
    assert parse_schema(chained(SCHEMA_DEPTH_MAX - 4))
    for levels in (SCHEMA_DEPTH_MAX + 1, 1500):
        with pytest.raises(InvalidEvent):
            parse_schema(chained(levels))


@pytest.mark.parametrize("depth", [SCHEMA_DEPTH_MAX, 1000, 8000])
def test_deep_nesting_is_refused(depth: int) -> None:
    nested = '{"type":"array","items":' * depth + '"int"' + "}" * depth
    with pytest.raises(InvalidEvent) as refusal:
        parse_schema(writer(field("HERE")).replace('"HERE"', nested))
    assert reason(refusal) == "SCHEMA_REFUSED"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "5",
        '"string"',
        "[]",
        '["null","int"]',
        "{}",
        '{"type":"record"}',
        '{"type":"record","name":"R"}',
        '{"type":"record","name":5,"fields":[]}',
        '{"type":"record","name":"R","fields":5}',
        '{"type":"record","name":"R","fields":[5]}',
        '{"type":"record","name":"R","fields":[{"name":"a"}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":"unheard.of"}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":5}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":"x"}}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":[],"size":4}}]}',
        '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F"}}]}',
        '{"type":"enum","name":"E","symbols":["A"]}',
        '{"type":"record","name":"R\ud800","fields":[]}',
        "[" * 100_000,
    ],
)
def test_text_that_is_no_record_schema_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        parse_schema(text)
    assert reason(refusal) == "SCHEMA_REFUSED"


def test_large_schema_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidEvent, match="too large"):
        parse_schema(writer(doc="x" * SCHEMA_CHARACTERS_MAX))


# Hostile bodies


def test_bytes_after_the_event_are_refused() -> None:
    assert decoded(writer(), BODY)
    with pytest.raises(InvalidEvent) as refusal:
        decoded(writer(), BODY + b"\x00")
    assert reason(refusal) == "TRAILING_BYTES"


@pytest.mark.parametrize("name", EXAMPLES)
def test_body_cut_at_any_byte_is_refused(name: str) -> None:
    schema = PINNED[name]
    whole, pinned = schema.encode(EXAMPLES[name], schema_id=1), own(schema)
    for length in range(len(whole)):
        with pytest.raises(InvalidEvent):
            schema.decode(whole[:length], lambda _: pinned)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_random_body_decodes_or_is_refused(body: bytes) -> None:
    pinned = own(PINNED["chunks/embedded.v1"])
    with contextlib.suppress(InvalidEvent):
        PINNED["chunks/embedded.v1"].decode(b"\x00\x00\x00\x00\x01" + body, lambda _: pinned)


@given(st.integers(5, 10_000), st.integers(1, 255))
@settings(max_examples=300)
def test_flipped_byte_decodes_or_is_refused(place: int, flip: int) -> None:
    schema = PINNED["documents/ingested.v1"]
    whole = bytearray(schema.encode(EXAMPLES["documents/ingested.v1"], schema_id=1))
    whole[5 + place % (len(whole) - 5)] ^= flip
    pinned = own(schema)
    with contextlib.suppress(InvalidEvent):
        schema.decode(bytes(whole), lambda _: pinned)


# Loading


def test_missing_folder_is_named(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="SCHEMAS_DIR") as refusal:
        load_event_schemas(tmp_path)
    assert reason(refusal) == "SCHEMAS_UNREADABLE"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b'"int"'])
def test_folder_with_one_broken_schema_is_refused(tmp_path: Any, content: bytes) -> None:
    for name in EXAMPLES:
        path = tmp_path / f"{name}.avsc"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((SCHEMAS / f"{name}.avsc").read_bytes())
    assert load_event_schemas(tmp_path).keys() == EXAMPLES.keys()
    (tmp_path / "audit/events.v1.avsc").write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_event_schemas(tmp_path)
