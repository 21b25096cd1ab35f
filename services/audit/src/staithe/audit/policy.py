"""What may enter the audit log: shapes and an allow-list, so that no personal data gets into it. Pure.

The log is append-only and handed to strangers for checking: what is in it stays. People and documents appear as
digests, everything else as a number, a digest or a word of a closed vocabulary.
"""

import re
from collections.abc import Mapping
from re import Pattern
from typing import Final

from staithe.audit.citations import CHUNK_LIST, CITATION_LIST, SHOWN_LIST
from staithe.audit.limits import ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, LIST_BYTES_MAX
from staithe.audit.merkle import HASH_BYTES
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent
from staithe.kernel.vocabulary import Classification, Operation, Tier, tenant_id

INTEGER_MAX: Final = (1 << 53) - 1
"""The largest integer that every JSON reader keeps exact (RFC 8785 section 3.2.2.3)."""

EVENT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""A UUIDv7 in its one canonical spelling (RFC 9562): two spellings would be two leaves."""
SERVICE: Final = re.compile(r"[a-z]{2,24}")
ACTION: Final = re.compile(r"[a-z]{2,24}(?:\.[a-z_]{2,32}){1,3}")
REASON_CODE: Final = re.compile(r"(?:[A-Z][A-Z0-9_]{1,63})?")
TRACEPARENT: Final = re.compile(r"(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?")

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TOPIC: Final = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+\.v[0-9]{1,3}(?:\.dlq)?")
_MEDIA_TYPE: Final = re.compile(r"[a-z]{2,16}/[a-z0-9][a-z0-9.+-]{0,79}")
_VERSION: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9a-z]{1,16}){0,4}(?:\+[0-9a-f]{7,40})?")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _one_of(*words: str) -> Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in words))


ATTRIBUTES: Final[Mapping[str, Pattern[str]]] = {
    "answer_id": _UUID,
    "answer_mode": _one_of("extractive", "generative"),
    "attempt_count": _NUMBER,
    "caller_hmac": _DIGEST,
    "chunk_count": _NUMBER,
    "chunks": CHUNK_LIST,
    "citations": _NUMBER,
    "cited": CITATION_LIST,
    "classification": _one_of(*Classification),
    "code_version": _VERSION,
    "collection": _WORD,
    "content_bytes": _NUMBER,
    "content_type": _MEDIA_TYPE,
    "document_count": _NUMBER,
    "drop_reason": _WORD,
    "dropped": _NUMBER,
    "duration_ms": _NUMBER,
    "finding_count": _NUMBER,
    "http_status": re.compile(r"[1-5][0-9]{2}"),
    "interface": _one_of("api", "chat", "mcp"),
    "kept_count": _NUMBER,
    "key_version": _NUMBER,
    "method": _one_of("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "OTHER", "PATCH", "POST", "PUT", "TRACE"),
    "minimum_index": _NUMBER,
    "model_digest": _DIGEST,
    "offset": _NUMBER,
    "operation": _one_of(*Operation),
    "ordinal": _NUMBER,
    "parser": _WORD,
    "partition": _NUMBER,
    "passages": _NUMBER,
    "policy_sha256": _DIGEST,
    "previous_version": _NUMBER,
    "principal": _WORD,
    "provider": re.compile(r"[a-z0-9][a-z0-9-]{0,31}"),
    "record_bytes": _NUMBER,
    "record_sha256": _DIGEST,
    "request_id": _UUID,
    "residency": re.compile(r"[a-z]{2,8}"),
    "results": _NUMBER,
    "retention_until": _NUMBER,
    "row_count": _NUMBER,
    "schema_id": _NUMBER,
    "sentences": _NUMBER,
    "score_permille": _NUMBER,
    "secret_count": _NUMBER,
    "shown": SHOWN_LIST,
    "signal": _CODE,
    "signal_count": _NUMBER,
    "text_bytes": _NUMBER,
    "tier": _one_of(*(str(int(tier)) for tier in Tier)),
    "token_count": _NUMBER,
    "topic": _TOPIC,
    "waived_reasons": re.compile(r"[A-Z][A-Z0-9_]{1,63}(?:,[A-Z][A-Z0-9_]{1,63}){0,15}"),
}
"""Every attribute an audit event may carry, and what its value must look like. A new one is a reviewed change."""

LISTS: Final = frozenset({"chunks", "cited", "shown"})
"""Attributes that list digests, and so are longer than any other. No action carries two."""


def check_event(event: AuditEvent) -> None:
    """Return when the log may keep `event`; raise InvalidEvent, naming the field and never its value, otherwise."""
    _require(bool(EVENT_ID.fullmatch(event.event_id)), "event_id", "EVENT_ID_MALFORMED")
    _require(_is_integer(event.occurred_at), "occurred_at")
    _require(_is_integer(event.document_version), "document_version")
    _require(bool(SERVICE.fullmatch(event.service)), "service")
    _require(bool(ACTION.fullmatch(event.action)), "action")
    _require(bool(REASON_CODE.fullmatch(event.reason_code)), "reason_code")
    _require(bool(TRACEPARENT.fullmatch(event.traceparent)), "traceparent")
    if event.tenant_id:
        tenant_id(event.tenant_id)
    _require(_is_digest(event.subject_sha256), "subject_sha256")
    _require(_is_digest(event.input_sha256), "input_sha256")
    _require(_is_digest(event.output_sha256), "output_sha256")
    _check_attributes(event.attributes)


def _check_attributes(attributes: Mapping[str, str]) -> None:
    _require(len(attributes) <= ATTRIBUTES_MAX, "attributes", "ATTRIBUTES_TOO_MANY")
    _require(len(attributes.keys() & LISTS) <= 1, "attributes", "ATTRIBUTES_TOO_MANY")
    for name, value in attributes.items():
        shape = ATTRIBUTES.get(name)
        if shape is None:
            raise InvalidEvent(
                "attributes holds a name that is not on the allow-list of the audit policy",
                reason_code="ATTRIBUTE_NOT_ALLOWED",
            )
        bytes_max = LIST_BYTES_MAX if name in LISTS else ATTRIBUTE_BYTES_MAX
        fits = len(value) <= bytes_max and shape.fullmatch(value)
        _require(bool(fits), f"attributes.{name}", "ATTRIBUTE_MALFORMED")


def _is_digest(value: bytes | None) -> bool:
    return value is None or len(value) == HASH_BYTES


def _is_integer(value: object) -> bool:
    """Whether `value` is a natural number that JSON writes in one way: 1.0 and True would be second spellings."""
    return type(value) is int and 0 <= value <= INTEGER_MAX


def _require(holds: bool, field: str, reason_code: str = "AUDIT_FIELD_MALFORMED") -> None:
    if not holds:
        raise InvalidEvent(f"{field} of the audit event is malformed", reason_code=reason_code)
