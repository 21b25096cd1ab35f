"""The whole reading of one document, in-process: check the type, parse, clean. Pure; the child calls this."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from staithe.ingestion.parsers import sniff
from staithe.ingestion.parsers.document import ParsedDocument, clean, one_line
from staithe.ingestion.parsers.docx import parse_docx
from staithe.ingestion.parsers.hypertext import parse_html
from staithe.ingestion.parsers.limits import TEXT_CHARACTERS_MAX
from staithe.ingestion.parsers.mail import parse_mail
from staithe.ingestion.parsers.pdf import parse_pdf
from staithe.ingestion.parsers.plain import parse_markdown, parse_plain
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.structured import parse_json
from staithe.ingestion.parsers.table import parse_csv

Parser = Callable[[bytes, str | None], ParsedDocument]

_PARSERS: Final[dict[str, Parser]] = {
    sniff.PLAIN: parse_plain,
    sniff.MARKDOWN: parse_markdown,
    sniff.HTML: parse_html,
    sniff.CSV: parse_csv,
    sniff.JSON: parse_json,
    sniff.PDF: parse_pdf,
    sniff.DOCX: parse_docx,
    sniff.EML: parse_mail,
}


def parse_document(content: bytes, declared: str) -> ParsedDocument:
    """The clean text of a document of a declared type.

    Raises InvalidEvent with a code of `reasons.REASONS`. For trusted bytes only, outside the child: the limits on
    time and memory are the child's.
    """
    known = sniff.check(content, declared)
    document = _PARSERS[known.content_type](content, known.charset)
    if len(document.text) > TEXT_CHARACTERS_MAX:
        raise refusal("TEXT_TOO_LARGE")
    text, removed = clean(document.text)
    if not text.strip():
        raise refusal("TEXT_EMPTY")
    counts = {**document.signals, "control_characters": removed}
    signals = MappingProxyType({name: count for name, count in sorted(counts.items()) if count})
    return ParsedDocument(text, one_line(document.title or "") or None, document.content_type, signals)
