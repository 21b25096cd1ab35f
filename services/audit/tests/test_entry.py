import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from staithe.audit.entry import decode_entry, encode_entry, entry_event_id
from staithe.audit.limits import ENTRY_BYTES_MAX
from staithe.kernel.errors import Integrity
from staithe.kernel.events import AuditEvent

Make = Callable[[int], AuditEvent]


def test_an_entry_is_canonical_json_byte_for_byte(event: Make) -> None:
    digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert encode_entry(event(1)).decode() == (
        '{"action":"document.sanitized","attributes":{"offset":"1","partition":"0","topic":"documents.ingested.v1"},'
        '"document_version":1,"entry_version":1,"event_id":"018bcfe5-6801-7000-8000-000000000001","input_sha256":null,'
        '"occurred_at":1700000000001,"outcome":"SUCCESS","output_sha256":null,"reason_code":"",'
        f'"service":"sanitization","subject_sha256":"{digest}","tenant_id":"harbour",'
        '"traceparent":"00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}'
    )


def test_an_event_comes_back_from_its_entry(event: Make) -> None:
    for number in range(20):
        assert decode_entry(encode_entry(event(number))) == event(number)


def test_the_order_of_attributes_does_not_matter(event: Make) -> None:
    one = event(1)
    other = replace(one, attributes=dict(reversed(list(one.attributes.items()))))
    assert encode_entry(one) == encode_entry(other)


def test_the_event_id_is_read_without_the_rest(event: Make) -> None:
    assert entry_event_id(encode_entry(event(7))).hex() == event(7).event_id.replace("-", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.replace(b":", b": ", 1),
        lambda e: e + b"\n",
        lambda e: e[:-1] + b',"extra":1}',
        lambda e: e[:-1] + b',"service":"audit"}',
        lambda e: e.replace(b'"entry_version":1', b'"entry_version":2'),
        lambda e: e.replace(b'"document_version":1', b'"document_version":1.0'),
        lambda e: e.replace(b'"document_version":1', b'"document_version":"1"'),
        lambda e: e.replace(b"SUCCESS", b"PERHAPS"),
        lambda e: e.replace(b"018bcfe5", b"018BCFE5"),
        lambda e: e.replace(b"harbour", b"har\\u0062our"),
        lambda e: json.dumps(json.loads(e)).encode(),
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"{}",
        lambda _: b"\xff",
        lambda _: b"[" * ENTRY_BYTES_MAX,
    ],
)
def test_bytes_that_no_event_encodes_to_are_refused(change: Callable[[bytes], bytes], event: Make) -> None:
    with pytest.raises(Integrity):
        decode_entry(change(encode_entry(event(1))))


@pytest.mark.parametrize("entry", [b"", b"[]", b"{}", b'{"event_id":5}', b'{"event_id":"x"}', b"[" * ENTRY_BYTES_MAX])
def test_an_entry_without_an_event_id_is_refused(entry: bytes) -> None:
    with pytest.raises(Integrity):
        entry_event_id(entry)
