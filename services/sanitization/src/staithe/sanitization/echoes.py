"""Finds again, in other spellings, what was found once: other case, spaced out, in Base64. Pure.

A detector sees an address; the same document may hold it as `j a n e @ …` or in Base64 (RFC 4648), which no pattern
knows but every reader can undo. Time grows with the text and the number of different lengths, not with that of values.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import ahocorasick_rs

COMPACT_MIN: Final = 6
"""Letters and digits that a value needs to be looked for in other spellings: shorter ones occur by chance."""
WHOLE_WORD_BELOW: Final = 10
"""Below this many, the other spelling must be a word of its own: `martin` is no part of `martini`."""
EXACT_MIN: Final = 3
BASE64_MIN: Final = 10
NEEDLE_MAX: Final = 64
"""What begins with the first 64 characters of a long value is that value."""

_WORDS: Final = re.compile(r"[^\W_]+")
_BASE64_END: Final = re.compile(r"[A-Za-z0-9+/]?={0,2}")
"""The character that holds the value's last bits together with the next, and the padding; matches anywhere."""
_URL_SAFE: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Value:
    """A value that must not stay, and what it is."""

    text: str
    folded: str
    label: int


@dataclass(frozen=True, slots=True)
class Echo:
    """Characters `start` to `end` are another spelling of the value with this label."""

    start: int
    end: int
    label: int


class _Needles:
    """Many fixed strings at once (Aho and Corasick, 1975); those shorter than `least` are left out."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._labels: dict[str, int] = {}

    def add(self, needle: str, label: int) -> None:
        needle = needle[:NEEDLE_MAX]
        if len(needle) >= self._least:
            self._labels.setdefault(needle, label)

    def find(self, text: str) -> list[Echo]:
        """Where each needle stands, in order; of those that begin at one place the longest."""
        if not self._labels:
            return []
        labels, found = list(self._labels.values()), {}
        automaton = ahocorasick_rs.AhoCorasick(list(self._labels))
        # By end, so of those with one start the longest comes last.
        for index, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
            found[start] = Echo(start, end, labels[index])
        return [found[start] for start in sorted(found)]


class _Compact:
    """A text's letters and digits alone, in lower case, and where each stands in the text."""

    def __init__(self, text: str) -> None:
        runs = [(each.start(), each.group()) for each in _WORDS.finditer(_lowered(text))]
        self.text = "".join(run for _, run in runs)
        self._starts = [start for start, _ in runs]
        self._befores: list[int] = []
        before = 0
        for _, run in runs:
            self._befores.append(before)
            before += len(run)

    def position(self, index: int) -> int:
        """Where the compact text's character `index` stands in the text."""
        run = bisect_right(self._befores, index) - 1
        return self._starts[run] + index - self._befores[run]


def _lowered(text: str) -> str:
    """In lower case, and as long as before."""
    lowered = text.lower()
    if len(lowered) != len(text):  # İ becomes two characters
        lowered = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    return lowered


def _letters(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(_WORDS.findall(_lowered(text)))


def find_echoes(text: str, folded: str, values: Iterable[Value]) -> tuple[list[Echo], list[Echo]]:
    """Echoes in `text` (spans of it), and echoes in its folded form (spans of that), each in order of their start."""
    exact, compact, encoded = _Needles(EXACT_MIN), _Needles(COMPACT_MIN), _Needles(BASE64_MIN)
    for value in values:
        if any(map(str.isalnum, value.text)):
            exact.add(value.text, value.label)
        plain = _letters(value.folded)
        for spelling in {plain, _letters(value.folded.casefold())}:
            compact.add(spelling, value.label)
        if len(plain) >= COMPACT_MIN:
            for needle in _base64_forms(value.text):
                encoded.add(needle, value.label)
    in_text = [each for each in exact.find(text) if _is_word(text, each.start, each.end)]
    standard = text.translate(_URL_SAFE)
    in_text += [Echo(each.start, _base64_end(standard, each.end), each.label) for each in encoded.find(standard)]
    return sorted(in_text, key=lambda each: each.start), list(_spaced(folded, compact))


def _spaced(folded: str, needles: _Needles) -> Iterator[Echo]:
    whole = _Compact(folded)
    for each in needles.find(whole.text):
        start, end = whole.position(each.start), whole.position(each.end - 1) + 1
        if each.end - each.start >= WHOLE_WORD_BELOW or _is_word(folded, start, end):
            yield Echo(start, end, each.label)


def _is_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (after.isalnum() and text[end - 1].isalnum())


def _base64_end(text: str, end: int) -> int:
    match = _BASE64_END.match(text, end)
    return match.end() if match else end


def _base64_forms(value: str) -> Iterator[str]:
    """What stays the same of a value's Base64 wherever it stands in the encoded bytes: three alignments."""
    content = value.encode(errors="replace")
    for shift, unsure in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * shift + content).rstrip(b"=").decode()
        yield encoded[unsure : len(encoded) - (1 if (shift + len(content)) % 3 else 0)]
