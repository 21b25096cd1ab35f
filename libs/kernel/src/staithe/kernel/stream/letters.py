"""Dead letters: what is kept of a record that can never be processed, and how the operator gets it back.

What is sealed (format 2): key, headers and value, each as a 4-byte big-endian length and its bytes, the length
0xFFFFFFFF standing for none; the headers as alternating names and values behind their count; the value last.
"""

import struct
from dataclasses import replace
from typing import Final

from staithe.kernel.crypto.sealing import Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import DeadLettered, DocumentEvent, DocumentSubmitted, Event
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import RECORD_BYTES_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.stopped import DocumentRefused, RefusalState
from staithe.kernel.stream.record import Record
from staithe.kernel.telemetry import TRACE_HEADERS, Headers, traceparent_of
from staithe.kernel.topology import KEYRING_PURPOSE
from staithe.kernel.vocabulary import document_id, tenant_id

REFUSED_TOPIC: Final = "documents.refused.v1"
DEAD_LETTER_PURPOSE: Final = "dead-letter"
"""Records whose Kafka key names a document: under a key that an erasure of the document destroys."""
OPERATOR_TENANT: Final = "staithe"
"""Other records belong to no document: they are sealed to the operator's own key."""
SEALED_FORMAT: Final = 2
HEADERS_MAX: Final = 32
HEADER_BYTES_MAX: Final = 8 * 1024
"""Trace context is a few hundred bytes; whoever sends more loses the rest, trace context never."""
KEPT_BYTES_MAX: Final = RECORD_BYTES_MAX + 1024
"""The largest record a topic takes, and our lengths around its parts."""
_NONE: Final = 0xFFFFFFFF


def dead_letter(service: str, record: Record, error: InvalidEvent, sealer: Sealer, *, now_ms: int) -> DeadLettered:
    """The dead letter for a record: where it was, why it failed, and its bytes, sealed to the operator.

    Where the record's key names a document they are sealed under a key that goes with it. Raises Unavailable when
    that key cannot be had now.
    A record that only compression made small enough for its topic is cut at KEPT_BYTES_MAX, because a dead letter
    too large to produce would stop the stream for ever; `record_sha256` and `record_bytes` tell.
    """
    value = record.value or b""
    letter = DeadLettered(
        event_id=new_event_id(now_ms), occurred_at=now_ms, service=service, topic=record.topic,
        partition=record.partition, offset=record.offset, reason_code=error.reason_code, message=error.message,
        sealed_record=b"", record_sha256=sha256(value), record_bytes=len(value),
        traceparent=traceparent_of(record.headers), sealed_format=SEALED_FORMAT, **_document_named_by(record.key),
    )  # fmt: skip
    kept = _packed(record)[:KEPT_BYTES_MAX]
    if letter.document_id:
        try:
            return replace(letter, sealed_record=sealer.seal(_context(letter), kept))
        except InvalidEvent:
            # A tenant that is not set up has no keys, so the record is of no document that we know.
            letter = replace(letter, tenant_id="", document_id="")
    return replace(letter, sealed_record=sealer.seal(_context(letter), kept))


def opened_record(letter: DeadLettered, opener: Opener) -> Record:
    """The record in a dead letter, perhaps cut: `is_whole` tells. Raises as Opener.open."""
    kept = opener.open(_context(letter), letter.sealed_record)
    try:
        key, headers, value = _unpacked(kept) if letter.sealed_format == SEALED_FORMAT else _unpacked_first(kept)
    except (struct.error, UnicodeDecodeError) as error:
        raise Integrity("what was sealed is no record of a known format", reason_code="LETTER_MALFORMED") from error
    return Record(letter.topic, letter.partition, letter.offset, key, value, headers)


def is_whole(letter: DeadLettered, record: Record) -> bool:
    """Whether `record` has the bytes that were refused."""
    return sha256(record.value or b"") == letter.record_sha256


def refusal(letter: DeadLettered, event: Event | None) -> DocumentRefused | None:
    """What ingestion may tell the source of a refused document; None when `event` names no document.

    A record that did not decode has no labels that say who may know of it, so nobody is told.
    """
    if not isinstance(event, DocumentSubmitted | DocumentEvent):
        return None
    try:
        tenant, document = tenant_id(event.tenant_id), document_id(event.document_id)
    except InvalidEvent:
        return None
    return DocumentRefused(
        event_id=letter.event_id, tenant_id=tenant, document_id=document,
        document_version=event.document_version or event.occurred_at, access=event.access,
        state=RefusalState.DEAD_LETTERED, service=letter.service, reason_code=letter.reason_code,
        occurred_at=letter.occurred_at,
    )  # fmt: skip


def _context(letter: DeadLettered) -> SealContext:
    if letter.document_id:
        return SealContext(DEAD_LETTER_PURPOSE, letter.tenant_id, letter.document_id, 0, letter.place)
    return SealContext(KEYRING_PURPOSE, OPERATOR_TENANT, letter.place, 0)


def _document_named_by(key: bytes | None) -> dict[str, str]:
    """The document that a Kafka key `tenant_id/document_id` names, if it is one."""
    try:
        tenant, _, document = (key or b"").decode("ascii").partition("/")
        return {"tenant_id": tenant_id(tenant), "document_id": document_id(document)}
    except (UnicodeDecodeError, InvalidEvent):
        return {}


def _kept_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Within the limits, trace context first; the others keep their order."""
    kept: list[tuple[bytes, bytes]] = []
    size = 0
    for name, value in sorted(headers, key=lambda each: each[0] not in TRACE_HEADERS):
        size += len(name.encode()) + len(value)
        if len(kept) == HEADERS_MAX or size > HEADER_BYTES_MAX:
            break
        kept.append((name.encode(), value))
    return kept


def _packed(record: Record) -> bytes:
    headers = _kept_headers(record.headers)
    parts = [_part(record.key), struct.pack(">I", len(headers))]
    parts += [_part(each) for header in headers for each in header]
    return b"".join([*parts, _part(record.value)])


def _part(value: bytes | None) -> bytes:
    return struct.pack(">I", _NONE) if value is None else struct.pack(">I", len(value)) + value


def _unpacked(kept: bytes) -> tuple[bytes | None, Headers, bytes | None]:
    position = 0

    def number() -> int:
        nonlocal position
        (found,) = struct.unpack_from(">I", kept, position)
        position += 4
        return int(found)

    def part() -> bytes | None:
        nonlocal position
        length = number()
        if length == _NONE:
            return None
        position += length
        return kept[position - length : position]

    key, count = part(), number()
    headers = tuple(((part() or b"").decode(), part() or b"") for _ in range(count))
    return key, headers, part()


def _unpacked_first(kept: bytes) -> tuple[bytes | None, Headers, bytes | None]:
    """Format 1: a 4-byte length, the key, the value."""
    (length,) = struct.unpack_from(">I", kept)
    return kept[4 : 4 + length], (), kept[4 + length :]
