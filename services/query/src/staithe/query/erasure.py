"""Requests erasure of a document: an event like any other, so that it reaches every stage in order. Pure."""

from typing import Final

from staithe.kernel.events import DocumentCurrent, DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import Operation
from staithe.query.policy import erasure_version

SUBMITTED_TOPIC: Final = "documents.submitted.v1"


def erasure_of(current: DocumentCurrent, *, now_ms: int) -> DocumentSubmitted:
    """The event that asks for the erasure of `current`'s document and every version up to now."""
    return DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=current.tenant_id, document_id=current.document_id,
        document_version=erasure_version(current, now_ms=now_ms), operation=Operation.ERASE, occurred_at=now_ms,
        access=current.access, retention_until=current.retention_until, residency=current.residency, source="query",
    )  # fmt: skip
