"""Handlers of WordprocessingML elements: the body's text, hidden styles, relations, the title."""

import posixpath
from dataclasses import dataclass, field
from typing import Final

from staithe.ingestion.parsers.document import TextCollector, one_line
from staithe.ingestion.parsers.limits import TITLE_CHARACTERS_MAX

_TRANSITIONAL: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_STRICT: Final = "http://purl.oclc.org/ooxml/wordprocessingml/main "
_FALLBACK: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"
_TITLE: Final = "http://purl.org/dc/elements/1.1/ title"
_OFF: Final = frozenset({"0", "false", "off"})
_ON: Final = frozenset({"1", "true", "on"})
_VANISH: Final = frozenset({"vanish", "specVanish"})
_BREAKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_PROPERTIES: Final = _VANISH | {"pStyle", "rStyle", "color", "sz"}
_TEXTS: Final = frozenset({"t", "delText"})
# Revisions that a reader no longer sees where they stand.
_GONE: Final = frozenset({"del", "moveFrom"})
_PARTS: Final = frozenset({"tbl", "footnote", "endnote"})
_HEADINGS: Final = frozenset({"title", "heading1", "heading2"})
_FAINT_COLOURS: Final = frozenset({"ffffff", "fefefe", "white"})
# Where each part lies that decides what is read; a relation may name another place.
_PLACES: Final = {
    "officedocument": "word/document.xml",
    "styles": "word/styles.xml",
    "footnotes": "word/footnotes.xml",
    "endnotes": "word/endnotes.xml",
}
# w:sz counts half points; text under two points cannot be read.
_HALF_POINTS_READABLE_MIN: Final = 4


def _word(name: str) -> str:
    """Local name of a WordprocessingML element or attribute, "" for any other namespace."""
    for namespace in (_TRANSITIONAL, _STRICT):
        if name.startswith(namespace):
            return name[len(namespace) :]
    return ""


def _attribute(attributes: dict[str, str], name: str) -> str:
    return attributes.get(_TRANSITIONAL + name, attributes.get(_STRICT + name, ""))


class Styles:
    """Finds the styles whose runs are hidden, by themselves or by the style they are based on."""

    def __init__(self) -> None:
        self.default = ""  # the style of a paragraph that names none
        self._style = ""  # "" stands for the document's defaults
        self._parents: dict[str, str] = {}
        self._vanish: dict[str, bool] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _word(name)
        if tag == "style":
            self._style = _attribute(attributes, "styleId")
            self._parents[self._style] = ""
            if _attribute(attributes, "default") in _ON and _attribute(attributes, "type") == "paragraph":
                self.default = self._style
        elif tag == "basedOn":
            self._parents[self._style] = _attribute(attributes, "val")
        elif tag in _VANISH:
            self._vanish[self._style] = _attribute(attributes, "val") not in _OFF

    def end(self, name: str) -> None:
        if _word(name) == "style":
            self._style = ""

    def hidden(self) -> frozenset[str]:
        """Identifiers of the hidden styles; "" is among them if the document's defaults hide."""
        # Each style is decided once: a chain of many thousands would else be walked from each of its links.
        known = dict(self._vanish)
        for first in ("", *self._parents):
            style, chain = first, []
            while style not in known:
                known[style] = False  # holds where styles are based on each other
                chain.append(style)
                style = self._parents.get(style, "")
            known.update(dict.fromkeys(chain, known[style]))
        return frozenset(style for style in ("", *self._parents) if known[style])


@dataclass(slots=True)
class _Paragraph:
    hidden: bool
    is_heading: bool = False
    text: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    hidden: bool
    faint: bool = False


class Body:
    """Collects the visible text of the body and of notes; counts what it drops.

    Paragraphs and runs are stacks, for a text box puts paragraphs inside a run.
    """

    def __init__(self, styles: Styles, collector: TextCollector) -> None:
        self.hidden_characters = 0
        self.faint_characters = 0
        self.heading: str | None = None
        self._hidden_styles = styles.hidden()
        self._default_hidden = styles.default in self._hidden_styles
        self._collector = collector
        self._path: list[str] = []
        self._paragraphs: list[_Paragraph] = []
        self._runs: list[_Run] = []
        self._row_cells: list[int] = []  # cells begun in each open table row
        self._skip_depth = 0

    def text(self) -> str:
        return self._collector.text()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = _word(name)
        self._path.append(tag)
        if self._skip_depth or name == _FALLBACK:
            # The fallback for old readers repeats what the choice beside it says.
            self._skip_depth += 1
        elif tag == "p":
            self._paragraphs.append(_Paragraph(self._default_hidden))
        elif tag == "r":
            self._runs.append(_Run(bool(self._paragraphs) and self._paragraphs[-1].hidden))
        elif tag == "tr":
            self._row_cells.append(0)
        elif tag == "tc" and self._row_cells:
            self._collector.add("| " if self._row_cells[-1] else "")
            self._row_cells[-1] += 1
        elif tag in _BREAKS and self._path[-2:-1] == ["r"] and not self._runs[-1].hidden:
            self._collector.add(_BREAKS[tag])
        elif tag in _PROPERTIES:
            self._property(tag, _attribute(attributes, "val"))

    def end(self, _name: str) -> None:
        tag = self._path.pop()
        if self._skip_depth:
            self._skip_depth -= 1
        elif tag == "p":
            self._end_paragraph(self._paragraphs.pop())
        elif tag == "r":
            self._runs.pop()
        elif tag == "tr":
            self._row_cells.pop()
            self._collector.add("\n")
        elif tag in _PARTS:
            self._collector.add("\n\n")

    def characters(self, text: str) -> None:
        tag = self._path[-1]
        if self._skip_depth or tag not in _TEXTS:
            return
        run = self._runs[-1] if self._runs else _Run(self._default_hidden)
        if tag == "delText" or run.hidden or not _GONE.isdisjoint(self._path):
            self.hidden_characters += len(text)
            return
        self.faint_characters += len(text) if run.faint else 0
        self._collector.add(text)
        if self._paragraphs:
            self._paragraphs[-1].text.append(text)

    def _property(self, tag: str, value: str) -> None:
        """A property counts for the run or paragraph that owns it; those of a paragraph's mark hide no text."""
        owners = self._path[-3:-1]
        if tag == "pStyle" and owners == ["p", "pPr"]:
            paragraph = self._paragraphs[-1]
            paragraph.hidden = value in self._hidden_styles
            paragraph.is_heading = value.lower().replace(" ", "") in _HEADINGS
        elif owners == ["r", "rPr"]:
            run = self._runs[-1]
            if tag == "rStyle":
                run.hidden = run.hidden or value in self._hidden_styles
            elif tag in _VANISH:
                run.hidden = value not in _OFF
            elif tag == "color":
                run.faint = run.faint or value.lower() in _FAINT_COLOURS
            elif tag == "sz":
                run.faint = run.faint or (
                    value.isdecimal() and len(value) < 4 and int(value) < _HALF_POINTS_READABLE_MIN
                )

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        if paragraph.is_heading and self.heading is None:
            self.heading = one_line("".join(paragraph.text)) or None
        self._collector.add(" " if self._row_cells else "\n\n")


class Relations:
    """Counts parts by outside address (templates, frames, pictures, objects), which are never fetched.

    `moved` is True if one of the parts that are read is said to lie elsewhere; `folder` is where targets begin.
    """

    def __init__(self, folder: str) -> None:
        self.external = 0
        self.moved = False
        self._folder = folder

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        outside = attributes.get("TargetMode", "").lower() == "external"
        if outside and not attributes.get("Type", "").endswith("/hyperlink"):
            self.external += 1
        place = _PLACES.get(attributes.get("Type", "").rpartition("/")[2].lower())
        if place is not None:
            target = posixpath.normpath(posixpath.join("/", self._folder, attributes.get("Target", "")))
            self.moved = self.moved or outside or target.lstrip("/").lower() != place


class Title:
    """Finds dc:title in the core properties."""

    def __init__(self) -> None:
        self.text = ""
        self._inside = False

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._inside = name == _TITLE

    def end(self, _name: str) -> None:
        self._inside = False

    def characters(self, text: str) -> None:
        if self._inside and len(self.text) < TITLE_CHARACTERS_MAX:
            self.text += text
