"""Decides whether a submitted document may enter, and under which version. Pure."""

import re
from typing import Final

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.limits import DOCUMENT_BYTES_MAX, NAME_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.vocabulary import (
    Access,
    Classification,
    Operation,
    Tier,
    access_groups,
    document_id,
    tenant_id,
)

FUTURE_MS_MAX: Final = 24 * 3600 * 1000
"""A source's clock may be a day ahead; further, its version would shut out honest ones for as long."""
VERSION_MAX: Final = (1 << 53) - 1
"""The largest whole number that JSON readers keep exactly (RFC 8259)."""
_RESIDENCY: Final = re.compile("[A-Za-z0-9]{1,16}")
ERASED_ACCESS: Final = Access(Tier.ENGINEERING, (), Classification.RESTRICTED)
"""Labels of an erasure that names none: the narrowest there are."""


def version_of(event: DocumentSubmitted) -> int:
    """The version of a submitted document: what the source says, or when it happened (deterministic on replay)."""
    return event.document_version or event.occurred_at


def check_submitted(event: DocumentSubmitted, *, now_ms: int, content_bytes_max: int = DOCUMENT_BYTES_MAX) -> Access:
    """The normalised access labels of an acceptable submission; raises InvalidEvent with the first fault."""
    tenant_id(event.tenant_id)
    document_id(event.document_id)
    if not 0 < event.occurred_at <= now_ms + FUTURE_MS_MAX:
        raise InvalidEvent("occurred_at must be a time in milliseconds, not in the future", reason_code="OCCURRED_AT")
    if not 0 < version_of(event) <= VERSION_MAX:
        raise InvalidEvent(f"document_version must be 0 to {VERSION_MAX}", reason_code="VERSION_RANGE")
    if not _RESIDENCY.fullmatch(event.residency):
        raise InvalidEvent("residency must be a short code such as 'eu'", reason_code="RESIDENCY_MALFORMED")
    if len(event.source) > SOURCE_CHARACTERS_MAX or len(event.name) > NAME_CHARACTERS_MAX:
        raise InvalidEvent("source or name is too long", reason_code="NAME_TOO_LONG")
    if event.operation is Operation.ERASE:
        return _check_erasure(event)
    return _check_upsert(event, now_ms=now_ms, content_bytes_max=content_bytes_max)


def _check_upsert(event: DocumentSubmitted, *, now_ms: int, content_bytes_max: int) -> Access:
    if event.access is None:
        raise InvalidEvent(
            "access labels are missing: set tier, groups and classification", reason_code="ACCESS_MISSING"
        )
    if not event.content:
        raise InvalidEvent("the document is empty", reason_code="DOCUMENT_EMPTY")
    if len(event.content) > content_bytes_max:
        raise InvalidEvent(f"the document is larger than {content_bytes_max} bytes", reason_code="DOCUMENT_TOO_LARGE")
    if event.content_sha256 is not None and event.content_sha256 != sha256(event.content):
        raise InvalidEvent("content does not match the source's content_sha256", reason_code="CONTENT_HASH_MISMATCH")
    if event.retention_until is not None and event.retention_until <= now_ms:
        raise InvalidEvent("retention_until has passed: the document may not be kept", reason_code="RETENTION_PASSED")
    return _normalised(event.access)


def _check_erasure(event: DocumentSubmitted) -> Access:
    if event.content or event.claim:
        raise InvalidEvent("an erasure carries no content", reason_code="ERASURE_WITH_CONTENT")
    return _normalised(event.access) if event.access is not None else ERASED_ACCESS


def _normalised(access: Access) -> Access:
    return Access(access.tier, access_groups(access.groups), access.classification)
