"""The bytes between the service and its parser child, written once for both sides.

    request   (stdin)        type length u16, document length u32; type, document
    response  (stdout)       kind u8, header length u32, text length u32; header (JSON), text (UTF-8)
    status    (own pipe)     wait status i32, peak memory u64: sent after the document's process has ended
    ready     (own pipe)     length u32; JSON list of the controls in force

The response comes from the process that saw the document and is hostile input. The status comes from its server,
which never looks at a document; so the parent knows when a response is complete, and that nothing of it remains.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from staithe.ingestion.parsers.document import SIGNALS, ParsedDocument, is_clean, one_line
from staithe.ingestion.parsers.limits import RESPONSE_HEADER_BYTES_MAX, TEXT_CHARACTERS_MAX
from staithe.ingestion.parsers.reasons import REASONS
from staithe.ingestion.parsers.sniff import SUPPORTED

REQUEST: Final = struct.Struct("!HI")
RESPONSE: Final = struct.Struct("!BII")
STATUS: Final = struct.Struct("!iQ")
READY: Final = struct.Struct("!I")
PARSED: Final = 0
REFUSED: Final = 1
# UTF-8 needs at most four bytes a character.
RESPONSE_BYTES_MAX: Final = RESPONSE.size + RESPONSE_HEADER_BYTES_MAX + 4 * TEXT_CHARACTERS_MAX
READY_BYTES_MAX: Final = 4096
_COUNT_MAX: Final = 2**53


class FrameError(Exception):
    """The child's answer is not one that our child writes."""


def encode_parsed(document: ParsedDocument) -> bytes:
    """A whole response frame."""
    header = json.dumps([document.content_type, document.title, dict(document.signals)]).encode()
    text = document.text.encode()
    return RESPONSE.pack(PARSED, len(header), len(text)) + header + text


def encode_refused(reason_code: str) -> bytes:
    """A whole response frame that carries a reason and nothing else."""
    header = json.dumps(reason_code).encode()
    return RESPONSE.pack(REFUSED, len(header), 0) + header


def decode_response(frame: bytes) -> ParsedDocument | str:
    """The document, or the reason code of a refusal; raises FrameError for anything else.

    Everything is checked as if an attacker wrote it, for in the worst case one did.
    """
    if len(frame) < RESPONSE.size:
        raise FrameError("short frame")
    kind, header_bytes, text_bytes = RESPONSE.unpack_from(frame)
    if header_bytes > RESPONSE_HEADER_BYTES_MAX or len(frame) != RESPONSE.size + header_bytes + text_bytes:
        raise FrameError("lengths do not match")
    try:
        header = json.loads(frame[RESPONSE.size : RESPONSE.size + header_bytes])
        text = frame[RESPONSE.size + header_bytes :].decode("utf-8", "strict")
    except (ValueError, RecursionError) as error:
        raise FrameError("not JSON or not UTF-8") from error
    if kind == REFUSED and isinstance(header, str) and header in REASONS:
        return header
    if kind != PARSED:
        raise FrameError("unknown kind or reason")
    return _document(header, text)


def _document(header: Any, text: str) -> ParsedDocument:
    match header:
        case [str(content_type), str() | None as title, dict(signals)] if (
            content_type in SUPPORTED
            and (title is None or (title and title == one_line(title)))
            and _are_counts(signals)
            and text.strip()
            and len(text) <= TEXT_CHARACTERS_MAX
            and is_clean(text)
        ):
            return ParsedDocument(text, title, content_type, signals)
    raise FrameError("header or text out of bounds")


def _are_counts(signals: Mapping[str, Any]) -> bool:
    return all(name in SIGNALS and type(count) is int and 0 < count < _COUNT_MAX for name, count in signals.items())
