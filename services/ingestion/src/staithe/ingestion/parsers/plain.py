"""Plain text and Markdown: kept as they are, for Markdown reads well as text; a title from its first heading."""

import re
from typing import Final

from staithe.ingestion.parsers.document import ParsedDocument, one_line
from staithe.ingestion.parsers.encoding import decode_text
from staithe.ingestion.parsers.limits import SNIFF_BYTES
from staithe.ingestion.parsers.sniff import MARKDOWN, PLAIN

_FENCE: Final = re.compile(r" {0,3}(?:```|~~~)")
_ATX: Final = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)")
_SETEXT: Final = re.compile(r" {0,3}(?:=+|-+)\s*")


def parse_plain(content: bytes, charset: str | None) -> ParsedDocument:
    """Text as it is; it has no title of its own."""
    return ParsedDocument(decode_text(content, charset), None, PLAIN)


def parse_markdown(content: bytes, charset: str | None) -> ParsedDocument:
    """CommonMark source as it is; the title is the first ATX or setext heading outside a code fence."""
    text = decode_text(content, charset)
    return ParsedDocument(text, _heading(text[:SNIFF_BYTES]), MARKDOWN)


def _heading(text: str) -> str | None:
    fenced, before = False, ""
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced, before = not fenced, ""
            continue
        if fenced:
            continue
        atx = _ATX.fullmatch(line)
        if atx:
            return one_line(atx[1].rstrip("# \t")) or None
        if before.strip() and _SETEXT.fullmatch(line) and not before.lstrip().startswith(("-", "*", ">", "|")):
            return one_line(before) or None
        before = line
    return None
