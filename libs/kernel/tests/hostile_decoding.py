"""Run by test_codec_hostile in a process of its own: decodes one hostile record under limits of memory and time.

Prints the reason code of the refusal, or DECODED. A crash, a hang or more memory than the limit is the test's failure.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from staithe.kernel.codec import EventSchema, parse_schema
from staithe.kernel.errors import InvalidEvent

MEMORY_BYTES = 768 << 20
CPU_SECONDS = 30
"""Processor time, so that a busy machine is no failure; 10 s were measured for the slowest."""
RECORD_BYTES = 8 << 20


def varint(number: int) -> bytes:
    zigzag = number << 1 if number >= 0 else ~(number << 1)
    out = bytearray()
    while zigzag >> 7:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*out, zigzag])


def writer(*more: dict[str, Any]) -> str:
    names = (("event_id", "string"), ("tenant_id", "string"), ("document_id", "string"), ("occurred_at", "long"))
    fields = [*({"name": name, "type": kind} for name, kind in names), *more]
    return json.dumps({"type": "record", "name": "DocumentSubmitted", "namespace": "staithe.v1", "fields": fields})


def more(schema: Any, name: str = "more") -> dict[str, Any]:
    return {"name": name, "type": schema}


def laughs(levels: int) -> list[dict[str, Any]]:
    """Each record holds two of the one before: 2^levels of them, in no bytes at all."""
    rest = [
        more({"type": "record", "name": f"R{n}", "fields": [more(f"R{n - 1}", "a"), more(f"R{n - 1}", "b")]}, f"f{n}")
        for n in range(1, levels)
    ]
    return [more({"type": "record", "name": "R0", "fields": []}, "f0"), *rest]


START = b"\x02e\x02t\x02d\x02"
HUGE = varint(1 << 40)
FIXED = {"type": "fixed", "name": "F", "size": 1}
EMPTY_A, FULL_B = {**FIXED, "name": "a.T", "size": 0}, {**FIXED, "name": "b.T", "size": 4}
OPTIONAL = {"type": "array", "items": ["null", "int"]}

CASES: dict[str, tuple[str, bytes]] = {
    "string of 2^40 bytes": (writer(), HUGE),
    "string of minus one byte": (writer(), varint(-1) + b"x" * 100),
    "string of 2^63 bytes": (writer(), varint((1 << 63) - 1)),
    "length that never ends": (writer(), b"\xff" * RECORD_BYTES),
    "content of 2^40 bytes": (writer(more("bytes", "content")), START + HUGE),
    "skipped bytes of 2^40": (writer(more("bytes")), START + HUGE),
    "array of 2^40 items": (writer(more({"type": "array", "items": "int"})), START + HUGE),
    "array of 2^40 optional items": (writer(more(OPTIONAL)), START + HUGE + b"\0" * RECORD_BYTES),
    "array of minus 2^62 items": (writer(more(OPTIONAL)), START + varint(-(1 << 62)) + HUGE),
    "array in eight million blocks": (writer(more(OPTIONAL)), START + b"\x02\0" * (RECORD_BYTES // 2)),
    "skipped array of 2^40 booleans": (writer(more({"type": "array", "items": "boolean"})), START + HUGE),
    "skipped array of 2^40 doubles": (writer(more({"type": "array", "items": "double"})), START + HUGE),
    "skipped array of 2^40 fixed": (writer(more({"type": "array", "items": FIXED})), START + HUGE),
    "skipped bytes of minus five": (writer(more("bytes")), START + varint(-5) + b"x" * 100),
    "map of 2^40 entries": (writer(more({"type": "map", "values": "int"})), START + HUGE),
    "map of eight million entries": (
        writer(more({"type": "map", "values": "boolean"})), START + varint(1 << 22) + b"\0\1" * (1 << 22) + b"\0",
    ),
    "fixed of 2^40 bytes": (writer(more({**FIXED, "size": 1 << 40})), START),
    "fixed of minus one byte, by the million": (
        writer(more({"type": "array", "items": {**FIXED, "size": -1}})), START + HUGE,
    ),
    "empty type behind another namespace": (
        writer(more(EMPTY_A, "a"), more(FULL_B, "b"), more({"type": "array", "items": "a.T"})), START + b"1234" + HUGE,
    ),
    "two to the thirty empty records": (writer(*laughs(30)), START),
    "union of a branch that is not there": (writer(more(["null", "int"])), START + HUGE),
    "enum of a symbol that is not there": (
        writer(more({"type": "enum", "name": "E", "symbols": ["A"]})), START + HUGE,
    ),
    "groups of eight million": (
        writer(more(["null", {"type": "record", "name": "Access", "fields": [
            more({"type": "enum", "name": "Tier", "symbols": ["OFFICE"]}, "tier"),
            more({"type": "array", "items": "string"}, "groups"),
            more({"type": "enum", "name": "Classification", "symbols": ["PUBLIC"]}, "classification"),
        ]}], "access")),
        START + b"\x02\0" + varint(7 << 20) + b"\0" * (7 << 20) + b"\0\0",
    ),
    "text that is not UTF-8": (writer(), b"\x04\xff\xfe" + START[2:]),
}  # fmt: skip


def main(case: str, schema_file: str) -> None:
    pinned = EventSchema("documents/submitted.v1", Path(schema_file).read_text())
    schema, body = CASES[case]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        parsed = parse_schema(schema)
        pinned.decode(b"\0\0\0\0\1" + body, lambda _: parsed)
    except InvalidEvent as refusal:
        sys.stdout.write(refusal.reason_code)
    else:
        sys.stdout.write("DECODED")


if __name__ == "__main__":
    main(*sys.argv[1:])
