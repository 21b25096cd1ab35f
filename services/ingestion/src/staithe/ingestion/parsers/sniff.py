"""Check a declared content type against the bytes; pure, and before any parser runs.

Nothing is guessed from content alone: the source says what it sends, and a document that does not look like it is
refused. A file that is two formats at once (a polyglot) is refused under both names.
"""

import re
from dataclasses import dataclass
from typing import Final

from staithe.ingestion.parsers.limits import CONTENT_TYPE_CHARACTERS_MAX, DOCUMENT_BYTES_MAX, SNIFF_BYTES
from staithe.ingestion.parsers.reasons import refusal

PLAIN: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
CSV: Final = "text/csv"
JSON: Final = "application/json"
PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EML: Final = "message/rfc822"

SUPPORTED: Final = frozenset({PLAIN, MARKDOWN, HTML, CSV, JSON, PDF, DOCX, EML})
_ALIASES: Final = {"text/x-markdown": MARKDOWN, "application/csv": CSV, "application/x-pdf": PDF}

# Formats that no text begins with. TAR has its mark at byte 257.
_BINARY_MAGIC: Final = (
    b"%PDF-", b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x7fELF", b"\x1f\x8b",
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"BZh91AY&SY",
    b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"{\\rtf", b"%!PS", b"II*\x00", b"MM\x00*", b"SQLite format 3\x00",
    b"\xca\xfe\xba\xbe", b"\x00asm", b"OggS", b"fLaC", b"ID3\x03", b"ID3\x04",
)  # fmt: skip
_BOM_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_TYPE: Final = re.compile(
    r"([a-z]+/[a-z0-9.+-]+)((?:\s*;\s*[a-z0-9_-]+=(?:\"[ !#-\[\]-~]*\"|[!#-:<-~]+))*)\s*;?", re.ASCII
)
_PARAMETER: Final = re.compile(r";\s*([a-z0-9_-]+)=(?:\"([^\"]*)\"|([^\s;\"]+))", re.ASCII)
# Possessive throughout: a page of comments must not make it try every way of grouping them.
_HTML_START: Final = re.compile(
    rb"\s*+(?:<\?xml[^>]*+>\s*+)?(?:<!--(?:(?!-->).)*+-->\s*+)*+(?:<!doctype\s+html|<html[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_HTML_TAG: Final = re.compile(rb"<[a-zA-Z][a-zA-Z0-9-]*(?:[\s/>]|$)")
_JSON_START: Final = re.compile(rb"\s*[\[{\"tfn0-9-]")
_JSON_WHOLE: Final = re.compile(rb"\s*\{\s*\"")
_MAIL_HEADER: Final = re.compile(rb"[!-9;-~]+:[ \t\r\n]")
_MAIL_KNOWN: Final = re.compile(
    rb"^(?:from|to|date|subject|message-id|received|mime-version|return-path):", re.IGNORECASE | re.MULTILINE
)
_EOCD: Final = b"PK\x05\x06"
_EOCD_BYTES: Final = 22
_ZIP_COMMENT_BYTES_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared content type that is supported: bare type and the charset parameter, both lower case."""

    content_type: str
    charset: str | None


def read_declared(declared: str) -> Declared:
    """Parse a Content-Type value; raises CONTENT_TYPE_UNSUPPORTED for anything malformed or not accepted."""
    if len(declared) > CONTENT_TYPE_CHARACTERS_MAX:
        raise refusal("CONTENT_TYPE_UNSUPPORTED")
    match = _TYPE.fullmatch(declared.strip().lower())
    if match is None:
        raise refusal("CONTENT_TYPE_UNSUPPORTED")
    content_type = _ALIASES.get(match[1], match[1])
    if content_type not in SUPPORTED:
        raise refusal("CONTENT_TYPE_UNSUPPORTED")
    charsets = [found[2] or found[3] for found in _PARAMETER.finditer(match[2]) if found[1] == "charset"]
    # Two charsets are two texts.
    if len(charsets) > 1:
        raise refusal("CONTENT_TYPE_UNSUPPORTED")
    return Declared(content_type, charsets[0] if charsets else None)


def check(content: bytes, declared: str) -> Declared:
    """The declared type, proved plausible for these bytes.

    Raises CONTENT_TYPE_UNSUPPORTED, DOCUMENT_EMPTY, DOCUMENT_TOO_LARGE or CONTENT_TYPE_MISMATCH.
    """
    known = read_declared(declared)
    if not content:
        raise refusal("DOCUMENT_EMPTY")
    if len(content) > DOCUMENT_BYTES_MAX:
        raise refusal("DOCUMENT_TOO_LARGE")
    if not _CHECKS[known.content_type](content):
        raise refusal("CONTENT_TYPE_MISMATCH")
    return known


def _is_text(content: bytes) -> bool:
    head = content[:SNIFF_BYTES]
    if head.startswith(_BINARY_MAGIC) or head[257:262] == b"ustar":
        return False
    return head.startswith(_BOM_UTF16) or b"\x00" not in head


def _is_plain(content: bytes) -> bool:
    return _is_text(content) and not _HTML_START.match(_ascii_head(content))


def _is_html(content: bytes) -> bool:
    head = _ascii_head(content)
    return _is_text(content) and not _looks_like_mail(head) and _HTML_TAG.search(head) is not None


def _is_csv(content: bytes) -> bool:
    return _is_plain(content) and not _JSON_WHOLE.match(_ascii_head(content))


def _is_json(content: bytes) -> bool:
    return _is_text(content) and _JSON_START.match(_ascii_head(content)) is not None


def _is_mail(content: bytes) -> bool:
    return _is_text(content) and _looks_like_mail(content[:SNIFF_BYTES])


def _is_pdf(content: bytes) -> bool:
    # Readers accept the mark anywhere in the first 1,024 bytes, which is what makes PDF polyglots possible.
    return content.startswith(b"%PDF-") and not _ends_as_zip(content)


def _is_docx(content: bytes) -> bool:
    return content.startswith(b"PK\x03\x04") and b"%PDF-" not in content[:1024] and _ends_as_zip(content)


def _looks_like_mail(head: bytes) -> bool:
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return _MAIL_HEADER.match(block) is not None and _MAIL_KNOWN.search(block) is not None


def _ascii_head(content: bytes) -> bytes:
    """The first bytes as ASCII, with a byte order mark and the zero bytes of UTF-16 taken out."""
    head = content[:SNIFF_BYTES].removeprefix(b"\xef\xbb\xbf")
    return head[2:].replace(b"\x00", b"") if head.startswith(_BOM_UTF16) else head


def _ends_as_zip(content: bytes) -> bool:
    """True if an end-of-central-directory record closes the bytes exactly (APPNOTE 4.3.16)."""
    tail = content[-(_EOCD_BYTES + _ZIP_COMMENT_BYTES_MAX) :]
    at = tail.rfind(_EOCD)
    while at >= 0:
        comment = int.from_bytes(tail[at + 20 : at + 22], "little")
        if at + _EOCD_BYTES + comment == len(tail):
            return True
        at = tail.rfind(_EOCD, 0, at)
    return False


_CHECKS: Final = {
    PLAIN: _is_plain,
    MARKDOWN: _is_plain,
    HTML: _is_html,
    CSV: _is_csv,
    JSON: _is_json,
    PDF: _is_pdf,
    DOCX: _is_docx,
    EML: _is_mail,
}
