"""What a parser hands back, and the cleaning that every text passes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from staithe.ingestion.parsers.limits import TEXT_CHARACTERS_MAX, TITLE_CHARACTERS_MAX
from staithe.ingestion.parsers.reasons import refusal

# Counts a parser may report. The parent refuses any other name from the child.
SIGNALS: Final = frozenset(
    {
        "active_content",  # scripts, PDF JavaScript, event handlers: never run, only counted
        "attachments",  # parts of a mail that were listed and not read
        "control_characters",  # removed from the text
        "embedded_files",  # files inside a PDF or DOCX that were not opened
        "external_references",  # templates, frames and objects by address; never fetched
        "faint_characters",  # kept in the text, but white, invisible or of no size in a PDF or DOCX
        "hidden_characters",  # dropped: the markup hides them from a reader
        "pages",
        "records",  # rows of a table
    }
)

# C0 except tab and newline, DEL, C1, and halves of surrogate pairs.
_UNWANTED: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_LINE_ENDS: Final = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """Clean text of one document.

    `text` has `\\n` line ends, no control characters but tab and newline, no surrogates, and is never empty.
    `title` is one line or None. `content_type` is the detected type, without parameters.
    `signals` are counts by a name of SIGNALS; a count of zero is left out.
    """

    text: str
    title: str | None
    content_type: str
    signals: Mapping[str, int] = field(default_factory=dict)


class TextCollector:
    """Pieces of text with one running limit, so that small input cannot expand without end."""

    def __init__(self, characters_max: int = TEXT_CHARACTERS_MAX) -> None:
        self._pieces: list[str] = []
        self._room = characters_max

    def add(self, piece: str) -> None:
        """Append; raises TEXT_TOO_LARGE past the limit."""
        self._room -= len(piece)
        if self._room < 0:
            raise refusal("TEXT_TOO_LARGE")
        self._pieces.append(piece)

    def text(self) -> str:
        return "".join(self._pieces)


def clean(text: str) -> tuple[str, int]:
    """The text with one kind of line end and no control characters, and how many characters were removed."""
    # Plain replacement first: eight million carriage returns through the expression alone would take seconds.
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    kept, removed = _UNWANTED.subn("", _LINE_ENDS.sub("\n", kept))
    kept = _BLANK_LINES.sub("\n\n", kept)
    if " \n" in kept or "\t\n" in kept:
        kept = _BLANK_LINES.sub("\n\n", "\n".join([line.rstrip(" \t") for line in kept.split("\n")]))
    return kept.strip("\n").rstrip(" \t\n"), removed


def is_clean(text: str) -> bool:
    """True if `clean` would remove no character; the parent's check of what the child sent."""
    return _UNWANTED.search(text) is None and _LINE_ENDS.search(text) is None


def one_line(text: str, characters_max: int = TITLE_CHARACTERS_MAX) -> str:
    """Text fit for a title, key or name: no control characters, single spaces, at most `characters_max`."""
    head = text[: characters_max * 4]
    return _SPACES.sub(" ", _UNWANTED.sub("", head)).strip()[:characters_max].rstrip()
