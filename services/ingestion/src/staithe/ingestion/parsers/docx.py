"""DOCX to text: a streaming reader of WordprocessingML (ECMA-376 part 1) on the stdlib's Expat, with DTDs refused.

Reads the body, footnotes and endnotes. Hidden runs (w:vanish, directly or by style) and deleted revisions are dropped
and counted. Headers, footers, comments, field codes, pictures and embedded files are not read.
"""

from collections.abc import Callable
from typing import Final

from staithe.ingestion.parsers.archive import Archive
from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, one_line
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import DOCX
from staithe.ingestion.parsers.wordml import Body, Relations, Styles, Title
from staithe.ingestion.parsers.xmlstream import read_xml

_MAIN: Final = "word/document.xml"
_TYPES: Final = "[content_types].xml"
_NOTES: Final = ("word/footnotes.xml", "word/endnotes.xml")
_PACKAGE_RELATIONS: Final = "_rels/.rels"
_RELATIONS: Final = "word/_rels/document.xml.rels"
_CORE: Final = "docprops/core.xml"
_STYLES: Final = "word/styles.xml"
_MACRO_TYPES: Final = ("macroenabled", "vbaproject", "vbadata")
_EMBEDDED: Final = ("word/embeddings/", "word/activex/", "word/afchunk")


def parse_docx(content: bytes, charset: str | None = None) -> ParsedDocument:  # noqa: ARG001 (one shape for all parsers)
    """Visible text of a Word document; raises the ZIP_, DOCX_ and XML_ reasons and TEXT_TOO_LARGE."""
    archive = Archive(content)
    _check_parts(archive)
    relations = _relations(archive)
    styles = Styles()
    _read_optional(archive, _STYLES, styles.start, styles.end)
    body = Body(styles, TextCollector())
    read_xml(archive.read(_MAIN), body.start, body.end, body.characters)
    for notes in _NOTES:
        _read_optional(archive, notes, body.start, body.end, body.characters)
    title = Title()
    _read_optional(archive, _CORE, title.start, title.end, title.characters)
    signals = {
        "hidden_characters": body.hidden_characters,
        "faint_characters": body.faint_characters,
        "external_references": relations.external,
        "embedded_files": sum(name.startswith(_EMBEDDED) for name in archive.names),
    }
    return ParsedDocument(body.text(), one_line(title.text) or body.heading, DOCX, signals)


def _check_parts(archive: Archive) -> None:
    if any(name.endswith(("vbaproject.bin", "vbadata.xml")) for name in archive.names):
        raise refusal("DOCX_MACROS")
    if not {_MAIN, _TYPES} <= archive.names:
        raise refusal("DOCX_INVALID")
    found: list[str] = []

    def start(_name: str, attributes: dict[str, str]) -> None:
        found.append(attributes.get("ContentType", "").lower())

    read_xml(archive.read(_TYPES), start)
    # The type tells macros whatever the part is called.
    if any(mark in content_type for content_type in found for mark in _MACRO_TYPES):
        raise refusal("DOCX_MACROS")
    if not any("wordprocessingml.document.main" in content_type for content_type in found):
        raise refusal("DOCX_INVALID")


def _relations(archive: Archive) -> Relations:
    """What the document refers to; DOCX_INVALID if Word would read a part from another place than this reader."""
    package, relations = Relations(""), Relations("word")
    _read_optional(archive, _PACKAGE_RELATIONS, package.start)
    _read_optional(archive, _RELATIONS, relations.start)
    if package.moved or relations.moved:
        raise refusal("DOCX_INVALID")
    return relations


def _read_optional(
    archive: Archive,
    name: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
) -> None:
    if name in archive.names:
        read_xml(archive.read(name), start, end, characters)
