"""The bytes of one audit event in the log: canonical JSON (RFC 8785), one spelling for one event.

An entry does not carry the hash of the entry before it. The Merkle tree already chains all entries: changing,
removing or reordering one changes the signed root, and a consistency proof shows in a few hundred bytes what a
linear chain shows only by rereading everything. Without that field an entry depends on its event alone, so that a
source can predict its leaf and a redelivered event is recognised by its bytes.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from staithe.audit.policy import check_event
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import AuditEvent, Outcome

EVENT_ID_BYTES: Final = 16
ENTRY_VERSION: Final = 1
"""Goes up when a field is added or changes meaning; readers keep reading the old versions."""

_CANONICAL: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
)
"""RFC 8785 for strings, integers, null and maps with ASCII names, which is all that an entry has."""


def encode_entry(event: AuditEvent) -> bytes:
    """The entry of `event`; raises InvalidEvent when the policy does not let it in."""
    check_event(event)
    return _CANONICAL.encode(
        {
            "action": event.action,
            "attributes": dict(event.attributes),
            "document_version": event.document_version,
            "entry_version": ENTRY_VERSION,
            "event_id": event.event_id,
            "input_sha256": _hex(event.input_sha256),
            "occurred_at": event.occurred_at,
            "outcome": str(event.outcome),
            "output_sha256": _hex(event.output_sha256),
            "reason_code": event.reason_code,
            "service": event.service,
            "subject_sha256": _hex(event.subject_sha256),
            "tenant_id": event.tenant_id,
            "traceparent": event.traceparent,
        }
    ).encode()


def decode_entry(entry: bytes) -> AuditEvent:
    """The event of an entry; raises Integrity unless `encode_entry` can have written exactly these bytes."""
    try:
        fields: dict[str, Any] = json.loads(entry)
        version = fields.pop("entry_version")
        for name in ("subject_sha256", "input_sha256", "output_sha256"):
            fields[name] = None if fields[name] is None else bytes.fromhex(fields[name])
        event = AuditEvent(**fields | {"outcome": Outcome(fields["outcome"])})
        canonical = version == ENTRY_VERSION and encode_entry(event) == entry
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidEvent) as error:
        raise _not_an_entry() from error
    if not canonical:
        raise _not_an_entry()
    return event


@dataclass(frozen=True, slots=True)
class EntryKeys:
    """What an entry is looked up by: its event, and the version of a document that it is about."""

    event_id: bytes
    subject_sha256: bytes | None
    document_version: int


def entry_keys(entry: bytes) -> EntryKeys:
    """The keys of an entry, read without checking the rest; raises Integrity when it has none."""
    try:
        fields = json.loads(entry)
        event_id, subject = event_id_bytes(fields["event_id"]), fields["subject_sha256"]
        keys = EntryKeys(event_id, None if subject is None else bytes.fromhex(subject), int(fields["document_version"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _not_an_entry() from error
    if len(event_id) != EVENT_ID_BYTES:
        raise _not_an_entry()
    return keys


def entry_event_id(entry: bytes) -> bytes:
    """The 16 bytes of an entry's event id, read without checking the rest; raises Integrity when it has none."""
    return entry_keys(entry).event_id


def event_id_bytes(event_id: str) -> bytes:
    """The 16 bytes of a hyphenated event id."""
    return bytes.fromhex(event_id.replace("-", ""))


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def _not_an_entry() -> Integrity:
    return Integrity("a leaf of the audit log is not an audit entry", reason_code="ENTRY_MALFORMED")
