"""Requests erasure of a document: an event like any other, so that it reaches every stage in order. Pure."""

from typing import Final

from staithe.kernel.events import DocumentCurrent, DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import Operation
from staithe.query.policy import erasure_version

SUBMITTED_TOPIC: Final = "documents.submitted.v1"

NOT_COVERED: Final = (
    "Content that a source wrote to documents.submitted.v1 by itself, in clear: until the topic's retention ends.",
    "Vectors and hashes of the text in old files of the vector store: until it compacts them, as it is asked to.",
    "The same in its backups: until they expire.",
    "The sealed object of a document over 512 KiB: it goes within a minute; its key is gone already.",
    "Copies of the key store from before: until the tenant's key is rotated and no copy of the old one is left.",
    "Keys in the memory of services: readers drop them when they hear of the erasure, at the latest after 5 minutes.",
    "Records of this document that were refused after the erasure: until they are dropped or it is erased again.",
    "Whatever callers and sources copied out before.",
)
"""What an erasure does not reach, and how long that stays."""


def erasure_of(current: DocumentCurrent, *, now_ms: int) -> DocumentSubmitted:
    """The event that asks for the erasure of `current`'s document and every version up to now."""
    return DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=current.tenant_id, document_id=current.document_id,
        document_version=erasure_version(current, now_ms=now_ms), operation=Operation.ERASE, occurred_at=now_ms,
        access=current.access, retention_until=current.retention_until, residency=current.residency, source="query",
    )  # fmt: skip
