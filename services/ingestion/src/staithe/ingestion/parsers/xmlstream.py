"""Read XML as a stream with Expat: no document type, so no entities; a depth limit; nothing from outside."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.parsers import expat

from staithe.ingestion.parsers.limits import XML_DEPTH_MAX
from staithe.ingestion.parsers.reasons import refusal

# What the packages of Office may use (ECMA-376 part 2, 8.1.4), and the subset of UTF-8 that is called ASCII.
_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "us-ascii"})
_SEPARATOR: Final = " "  # cannot stand in a namespace or a name


def read_xml(
    pieces: Iterable[bytes],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
) -> None:
    """Call back with `namespace name` for each element; raises XML_INVALID, XML_DTD_FORBIDDEN, XML_TOO_DEEP.

    The stdlib's Expat is used directly rather than through a tree: 64 MiB of XML would become a gigabyte of objects.
    """
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    depth = 0

    def start_checked(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > XML_DEPTH_MAX:
            raise refusal("XML_TOO_DEEP")
        start(name, attributes)

    def end_checked(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name)

    parser.buffer_text = True
    parser.XmlDeclHandler = _check_encoding
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.StartElementHandler = start_checked
    parser.EndElementHandler = end_checked
    if characters is not None:
        parser.CharacterDataHandler = characters
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise refusal("XML_INVALID") from error
    except (LookupError, ValueError) as error:  # an encoding that does not decode
        raise refusal("XML_INVALID") from error


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """Before Expat asks Python for the encoding, which knows such things as escapes and EBCDIC."""
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise refusal("XML_INVALID")


def _refuse_doctype(*_arguments: Any) -> None:
    raise refusal("XML_DTD_FORBIDDEN")
