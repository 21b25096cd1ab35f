"""Splits text into quotable sentences with exact spans, in one pass over the lines. Pure.

Written for what companies keep: wrapped mails, Markdown, price lists, minutes. A sentence is a span of the text as it
is, so that a quotation can be found in the document again; a heading or a table's header row goes along as context.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from staithe.query.limits import SENTENCE_CHARACTERS_MAX

_HEADING_CHARACTERS_MAX: Final = 90
_FIELD_CHARACTERS_MAX: Final = 160
"""A longer line with a name in front is prose: a sentence of a conversation, say."""
_WRAPPED_CHARACTERS_MIN: Final = 50
"""A line this long that does not end a sentence was wrapped; a shorter one was meant to end there."""
_ATX: Final = re.compile(r"#{1,6}[ \t]+")
_MARKER: Final = re.compile(r"(?:[-*+\u2022\u2013]|\d{1,3}[.)]|[a-z][.)]|>)[ \t]+")
_FIELD: Final = re.compile(r"\w[\w /()%&'.\[\]-]{0,40}:(?:[ \t]+\S|$)")
_RULE: Final = re.compile(r"[-=*_|: \t+]{3,}")
_STOP: Final = re.compile(r"[.!?\u2026]+[\"'\u2019\u201d)\]*_]{0,4}(?=\s)")
_LAST_WORD: Final = re.compile(r"[\w.]+$")
_SPACES: Final = re.compile(r"\s+")
_ABBREVIATIONS: Final = frozenset(
    {
        "approx", "art", "ca", "cf", "co", "corp", "dept", "dr", "e.g", "ed", "eds", "esp", "est", "etc", "ext",
        "fig", "figs", "i.e", "inc", "incl", "ltd", "max", "min", "mr", "mrs", "ms", "no", "nos", "nr", "p", "para",
        "plc", "pp", "prof", "ref", "sec", "st", "tel", "v", "viz", "vol", "vs",
    }
)  # fmt: skip


class Kind(Enum):
    """What a line is, as far as joining lines goes."""

    BLANK = 1
    HEADING = 2
    ROW = 3
    ITEM = 4
    FIELD = 5
    PROSE = 6


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]`, with the heading or header row it stands under."""

    start: int
    end: int
    context: str


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    kind: Kind


def split_sentences(text: str) -> list[Sentence]:
    """Every quotable sentence, item, field and row of `text`, in order. Headings are context, not sentences."""
    found: list[Sentence] = []
    heading = header = ""
    for block in _blocks(text, _lines(text)):
        kind, start, end = block[0].kind, block[0].start, block[-1].end
        if kind is Kind.HEADING:
            heading, header = one_line(_ATX.sub("", text[start:end])), ""
            continue
        if kind is Kind.ROW:
            if not header:
                header = one_line(text[start:end])[:SENTENCE_CHARACTERS_MAX]
            context = " | ".join(filter(None, (heading, header if header != one_line(text[start:end]) else "")))
            found.append(Sentence(start, min(end, start + SENTENCE_CHARACTERS_MAX), context))
            continue
        header = ""
        spans = _cut(text, start, end) if len(block) > 1 and kind is Kind.FIELD else _spans(text, start, end)
        found += [Sentence(first, last, heading) for first, last in spans]
    return found


def one_line(text: str) -> str:
    """`text` with single spaces, for display and comparison."""
    return _SPACES.sub(" ", text).strip()


def _lines(text: str) -> list[_Line]:
    """The lines that say something, trimmed, each with its kind; runs of blank ones as one."""
    spans: list[tuple[int, int]] = []
    position = 0
    for raw in text.split("\n"):
        stripped = raw.strip()
        begin = position + (raw.index(stripped) if stripped else 0)
        spans.append((begin, begin + len(stripped)))
        position += len(raw) + 1
    lines = []
    for index, (start, end) in enumerate(spans):
        after_blank = index == 0 or spans[index - 1][0] == spans[index - 1][1]
        before_blank = index + 1 == len(spans) or spans[index + 1][0] == spans[index + 1][1]
        kind = _kind(text[start:end], alone=after_blank and before_blank and len(spans) > 1)
        marker = _MARKER.match(text, start, end) if kind is Kind.ITEM else None
        lines.append(_Line(marker.end() if marker else start, end, kind))
    return lines


def _kind(line: str, *, alone: bool) -> Kind:
    if not line or _RULE.fullmatch(line):
        return Kind.BLANK
    if _ATX.match(line) or (line.isupper() and len(line) <= _HEADING_CHARACTERS_MAX and line[-1] not in ".!?;,"):
        return Kind.HEADING
    if line.startswith("|") or line.count(" | ") > 1 or line.count("\t") > 1 or _is_delimited(line):
        return Kind.ROW
    if _MARKER.match(line):
        return Kind.ITEM
    if alone and len(line) <= _HEADING_CHARACTERS_MAX and line[-1] not in ".!?:;,\u2026" and line[0].isalnum():
        return Kind.HEADING
    return Kind.FIELD if len(line) <= _FIELD_CHARACTERS_MAX and _FIELD.match(line) else Kind.PROSE


def _is_delimited(line: str) -> bool:
    """A row of comma- or semicolon-separated values: separators not followed by a space."""
    tight = len(re.findall(r"[,;](?=[^\s\d]|\d{4,}|\d+[.,]\d\d\b|$)|[,;]\d+[,;]", line))
    return tight >= 3


def _blocks(text: str, lines: Sequence[_Line]) -> Iterator[list[_Line]]:
    """Lines that belong together: a wrapped paragraph or item, or the fields of a record; others stand alone."""
    block: list[_Line] = []
    for line in lines:
        if block and not _joins(text, block[-1], line):
            yield block
            block = []
        if line.kind is not Kind.BLANK:
            block.append(line)
    if block:
        yield block


def _joins(text: str, before: _Line, line: _Line) -> bool:
    """Whether `line` goes on where `before` stopped: the next field of a record, or the rest of a wrapped line."""
    if before.kind is Kind.FIELD and line.kind is Kind.FIELD:
        return True
    wrapped = before.end - before.start >= _WRAPPED_CHARACTERS_MIN and text[before.end - 1] != ":"
    return wrapped and line.kind is Kind.PROSE and before.kind in (Kind.PROSE, Kind.ITEM, Kind.FIELD)


def _spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of one block."""
    begin = start
    for stop in _STOP.finditer(text, start, end):
        if _ends_sentence(text, stop, end):
            yield from _cut(text, begin, stop.end())
            begin = stop.end()
            while begin < end and text[begin].isspace():
                begin += 1
    if begin < end:
        yield from _cut(text, begin, end)


def _ends_sentence(text: str, stop: re.Match[str], end: int) -> bool:
    following = stop.end()
    while following < end and text[following].isspace():
        following += 1
    if following >= end:
        return False
    if text[following].islower():
        return False
    if stop[0] != ".":
        return True
    word = _LAST_WORD.search(text[max(0, stop.start() - 20) : stop.start()])
    if word is None:
        return True
    last = word[0].rstrip(".").casefold()
    return last not in _ABBREVIATIONS and not (len(last) == 1 and last.isalpha())


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span itself, or pieces of it that are short enough to quote."""
    while end - start > SENTENCE_CHARACTERS_MAX:
        space = text.rfind(" ", start + SENTENCE_CHARACTERS_MAX // 2, start + SENTENCE_CHARACTERS_MAX)
        middle = space if space > 0 else start + SENTENCE_CHARACTERS_MAX
        yield start, middle
        start = middle + 1 if space > 0 else middle
    if start < end:
        yield start, end
