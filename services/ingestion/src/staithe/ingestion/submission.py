"""An upload on its way through the broker: name and content sealed by the upload API to ingestion itself.

A source that writes to the topic by itself sends its content in clear; both kinds are read here. What is too large
for an event waits, sealed alike, in the object store, and the event claims it (the claim-check pattern of Hohpe and
Woolf's Enterprise Integration Patterns).
"""

from dataclasses import replace
from typing import Final, Protocol

from staithe.kernel.crypto.sealing import OVERHEAD_BYTES, Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import ContentClaim, DocumentSubmitted
from staithe.kernel.limits import DOCUMENT_BYTES_MAX, NAME_CHARACTERS_MAX
from staithe.kernel.vocabulary import TenantId

SUBMISSION_PURPOSE: Final = "submission"
_LENGTH_BYTES: Final = 4
SEALED_OVERHEAD_BYTES_MAX: Final = OVERHEAD_BYTES + _LENGTH_BYTES + 4 * NAME_CHARACTERS_MAX
"""How much longer than its content a sealed submission may be."""


class ClaimedObjects(Protocol):
    """Where the content of large documents lies."""

    def put(self, event: DocumentSubmitted, sealed: bytes) -> ContentClaim:
        """Store it; afterwards it survives a crash; raises Unavailable."""
        ...

    def get(self, event: DocumentSubmitted) -> bytes:
        """What the event claims; raises InvalidEvent CLAIM_MISSING or CLAIM_BROKEN, or Unavailable."""
        ...


class SizeLimits(Protocol):
    """What each tenant may send."""

    def document_bytes_max(self, tenant_id: TenantId) -> int:
        """The size of a document."""
        ...


def sealed(event: DocumentSubmitted, sealer: Sealer) -> DocumentSubmitted:
    """`event` without anything to read in clear; raises as Sealer.seal does. Its version must be set."""
    name = event.name.encode()
    body = len(name).to_bytes(_LENGTH_BYTES, "big") + name + event.content
    return replace(event, name="", content=b"", sealed_content=sealer.seal(_context(event), body))


def checked_in(event: DocumentSubmitted, objects: ClaimedObjects) -> DocumentSubmitted:
    """`event` as `sealed` made it, its content in the store when it is too large to travel; raises Unavailable."""
    content = event.sealed_content
    if content is None or len(content) <= DOCUMENT_BYTES_MAX + SEALED_OVERHEAD_BYTES_MAX:
        return event
    return replace(event, sealed_content=None, claim=objects.put(event, content))


def checked_out(event: DocumentSubmitted, objects: ClaimedObjects) -> DocumentSubmitted:
    """`event` with the content it claims; raises InvalidEvent when it also carries some, and as ClaimedObjects.get."""
    if event.claim is None:
        return event
    if event.content or event.sealed_content or event.name:
        raise InvalidEvent("content is given both in the event and by a claim", reason_code="CONTENT_TWICE")
    return replace(event, sealed_content=objects.get(event), claim=None)


def opened(event: DocumentSubmitted, opener: Opener) -> DocumentSubmitted:
    """`event` with name and content in clear, as it was before `sealed`, or as its source sent it.

    Raises InvalidEvent when it holds both or does not open, Erased and Unavailable as Opener.open does.
    """
    if not event.sealed_content:
        return event
    if event.content or event.name:
        raise InvalidEvent("content is given both sealed and in clear", reason_code="CONTENT_TWICE")
    try:
        body = opener.open(_context(event), event.sealed_content)
        length = int.from_bytes(body[:_LENGTH_BYTES], "big")
        name, content = body[_LENGTH_BYTES : _LENGTH_BYTES + length], body[_LENGTH_BYTES + length :]
        return replace(event, name=name.decode(), content=content, sealed_content=None)
    except (Integrity, UnicodeDecodeError) as error:
        raise InvalidEvent("the sealed content does not open", reason_code="SEAL_BROKEN") from error


def sealed_with(event: DocumentSubmitted) -> tuple[SealContext, bytes] | None:
    """What `opened` will open, or None when the source sent its content in clear."""
    return (_context(event), event.sealed_content) if event.sealed_content else None


def _context(event: DocumentSubmitted) -> SealContext:
    return SealContext(SUBMISSION_PURPOSE, event.tenant_id, event.document_id, event.document_version)
