"""An upload on its way through the broker: name and content sealed by the upload API to ingestion itself.

A source that writes to the topic by itself sends its content in clear; both kinds are read here.
"""

from dataclasses import replace
from typing import Final

from staithe.kernel.crypto.sealing import Opener, SealContext, Sealer
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import DocumentSubmitted

SUBMISSION_PURPOSE: Final = "submission"
_LENGTH_BYTES: Final = 4


def sealed(event: DocumentSubmitted, sealer: Sealer) -> DocumentSubmitted:
    """`event` without anything to read in clear; raises as Sealer.seal does. Its version must be set."""
    name = event.name.encode()
    body = len(name).to_bytes(_LENGTH_BYTES, "big") + name + event.content
    return replace(event, name="", content=b"", sealed_content=sealer.seal(_context(event), body))


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
