"""EML (RFC 5322, MIME) to text: the headers a reader sees, the body, the names of attachments, which stay closed."""

import email.errors
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import Final

from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, clean, one_line
from staithe.ingestion.parsers.encoding import decode_text
from staithe.ingestion.parsers.hypertext import html_text
from staithe.ingestion.parsers.limits import (
    ATTACHMENT_NAME_CHARACTERS_MAX,
    MAIL_HEADER_BLOCK_BYTES_MAX,
    MAIL_HEADER_CHARACTERS_MAX,
    MAIL_LINES_MAX,
    MAIL_PARAMETERS_BYTES_MAX,
    MIME_DEPTH_MAX,
    MIME_PARTS_MAX,
)
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import EML

_SHOWN: Final = ("Subject", "From", "To", "Cc", "Date")
_BOUNDARY: Final = re.compile(rb"boundary\s*=", re.IGNORECASE)
_MESSAGE: Final = re.compile(rb"^content-type:\s*message/", re.IGNORECASE | re.MULTILINE)
_PARAMETERS: Final = re.compile(
    rb"^content-(?:type|disposition):[^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+", re.IGNORECASE | re.MULTILINE
)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
# A part that does not decode as it says is refused; a missing closing boundary is common and harmless.
_DAMAGE: Final = (
    email.errors.InvalidBase64PaddingDefect,
    email.errors.InvalidBase64CharactersDefect,
    email.errors.InvalidBase64LengthDefect,
    email.errors.InvalidMultipartContentTransferEncodingDefect,
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.MultipartInvariantViolationDefect,
)


def parse_mail(content: bytes, charset: str | None = None) -> ParsedDocument:
    """Headers, body (plain text preferred, else HTML) and a line for each attachment.

    Raises EML_INVALID, EML_TOO_COMPLEX, EML_NO_BODY, ENCODING_INVALID and the reasons of HTML.
    """
    _check_size(content)
    try:
        message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(content)
        parts = list(_parts(message))
        return _read(message, parts, charset)
    except RecursionError as error:
        raise refusal("EML_TOO_COMPLEX") from error
    except (
        ValueError, LookupError, AttributeError, TypeError, AssertionError, ArithmeticError, email.errors.MessageError,
    ) as error:  # fmt: skip
        # The stdlib's header parser meets hostile values with any of these.
        raise refusal("EML_INVALID") from error


def _check_size(content: bytes) -> None:
    """Before the stdlib parses: it recurses once a nested part, is quadratic in some headers and slow with lines."""
    if content.count(b"\n") + content.count(b"\r") > MAIL_LINES_MAX * (2 if b"\r\n" in content else 1):
        raise refusal("EML_TOO_COMPLEX")
    end = _BLANK_LINE.search(content)
    if (end.start() if end else len(content)) > MAIL_HEADER_BLOCK_BYTES_MAX:
        raise refusal("EML_TOO_COMPLEX")
    containers = sum(1 for pattern in (_BOUNDARY, _MESSAGE) for _ in pattern.finditer(content))
    parameters = sum(len(each.group()) for each in _PARAMETERS.finditer(content))
    if containers > MIME_PARTS_MAX or parameters > MAIL_PARAMETERS_BYTES_MAX:
        raise refusal("EML_TOO_COMPLEX")


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """All parts, depth first; raises EML_TOO_COMPLEX past the limits."""
    waiting: list[tuple[EmailMessage, int]] = [(message, 1)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        headers_long = any(len(str(value)) > MAIL_HEADER_CHARACTERS_MAX for _, value in part.raw_items())
        if seen > MIME_PARTS_MAX or depth > MIME_DEPTH_MAX or headers_long:
            raise refusal("EML_TOO_COMPLEX")
        yield part
        if part.is_multipart():
            waiting.extend((child, depth + 1) for child in reversed(list(part.iter_parts())))


def _read(message: EmailMessage, parts: list[EmailMessage], charset: str | None) -> ParsedDocument:
    if any(isinstance(defect, _DAMAGE) for part in parts for defect in part.defects):
        raise refusal("EML_INVALID")
    collector = TextCollector()
    for name in _SHOWN:
        value = one_line(str(message.get(name, "")), MAIL_HEADER_CHARACTERS_MAX)
        if value:
            collector.add(f"{name}: {value}\n")
    text, signals = _body(message, charset)
    collector.add(f"\n{text}\n\n")
    attachments = list(message.iter_attachments())
    for attachment in attachments:
        collector.add(f"Attachment: {_name(attachment)} ({attachment.get_content_type()})\n")
    signals["attachments"] = len(attachments)
    return ParsedDocument(collector.text(), one_line(str(message.get("Subject", ""))) or None, EML, signals)


def _body(message: EmailMessage, charset: str | None) -> tuple[str, dict[str, int]]:
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        if part is None:
            continue
        text = _decoded(part, charset)
        if kind == "html":
            page = html_text(text)
            return page.text, dict(page.signals)
        if clean(text)[0].strip():
            return text, {}
    raise refusal("EML_NO_BODY")


def _decoded(part: MIMEPart, charset: str | None) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or any(isinstance(defect, _DAMAGE) for defect in part.defects):
        raise refusal("EML_INVALID")
    return decode_text(content, part.get_content_charset() or charset)


def _name(attachment: EmailMessage) -> str:
    """The name as data: it is shown, never used as a path."""
    return one_line(attachment.get_filename() or "unnamed", ATTACHMENT_NAME_CHARACTERS_MAX)
