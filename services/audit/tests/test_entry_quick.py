"""The quick look at an entry says yes only where the careful one does, and usually says yes."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe.audit.entry import decode_entry, encode_entry, event_id_bytes
from staithe.audit.entry_quick import recognised_event_id
from staithe.kernel.errors import Integrity
from staithe.kernel.events import AuditEvent

Make = Callable[[int], AuditEvent]
DIGEST = "a" * 64


def is_entry(entry: bytes) -> bool:
    try:
        decode_entry(entry)
    except Integrity:
        return False
    return True


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"tenant_id": ""}, {"traceparent": ""}, {"attributes": {}}, {"reason_code": "HASH_MISMATCH"},
        {"subject_sha256": None, "input_sha256": b"i" * 32, "output_sha256": b"o" * 32},
        {"attributes": {"chunk_count": "1", "chunks": DIGEST, "model_digest": DIGEST}},
        {"attributes": {"content_type": "text/markdown", "topic": "documents.ingested.v1.dlq"}},
    ],
)  # fmt: skip
def test_usual_entry_is_recognised(changes: dict[str, Any], event: Make) -> None:
    usual = replace(event(1), **changes)
    assert recognised_event_id(encode_entry(usual)) == event_id_bytes(usual.event_id)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"action"', b'{ "action"'), (b"document.sanitized", b"document"), (b"SUCCESS", b"PERHAPS"),
        (b'"entry_version":1', b'"entry_version":2'), (b'"document_version":1', b'"document_version":01'),
        (b'"document_version":1', b'"document_version":1.0'), (b"harbour", b"-harbour"), (b"harbour", b"Harbour"),
        (b'"offset":"1","partition":"0"', b'"partition":"0","offset":"1"'),
        (b'"offset":"1"', b'"offset":"1","offset":"1"'), (b'"offset":"1"', b'"secret":"1"'),
        (b'"offset":"1"', b'"offset":"mary"'), (b'"offset":"1"', b'"offset":"\\u0031"'), (b"}", b"}\n"),
        (b'"traceparent":"00-', b'"traceparent":"01-'), (b'"input_sha256":null', b'"input_sha256":"null"'),
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_careful_look(old: bytes, new: bytes, event: Make) -> None:
    changed = encode_entry(event(1)).replace(old, new)
    assert changed != encode_entry(event(1))
    assert not is_entry(changed)
    assert recognised_event_id(changed) is None


def test_two_lists_are_left_to_the_careful_look(event: Make) -> None:
    cited = f"{DIGEST}:5:1:tier:0-71:{DIGEST}:{DIGEST}"
    entry = json.loads(encode_entry(event(1))) | {"attributes": {"chunks": DIGEST, "cited": cited[:200]}}
    assert recognised_event_id(json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()) is None


@settings(max_examples=300)
@given(st.data())
def test_yes_is_never_wrong(data: st.DataObject) -> None:
    """One change anywhere in a good entry: whatever the quick look accepts the careful one accepts."""
    good = bytearray(GOOD)
    position = data.draw(st.integers(0, len(good) - 1))
    good[position] = data.draw(st.sampled_from(b'09azAZ"\\:,.{}-_ \x00\xff'))
    changed = bytes(good)
    if recognised_event_id(changed) is not None:
        assert is_entry(changed)


GOOD = (
    b'{"action":"document.sanitized","attributes":{"offset":"1","partition":"0","topic":"documents.ingested.v1"},'
    b'"document_version":1,"entry_version":1,"event_id":"018bcfe5-6801-7000-8000-000000000001","input_sha256":null,'
    b'"occurred_at":1700000000001,"outcome":"SUCCESS","output_sha256":null,"reason_code":"","service":"sanitization",'
    b'"subject_sha256":"' + b"6" * 64 + b'","tenant_id":"harbour","traceparent":""}'
)
