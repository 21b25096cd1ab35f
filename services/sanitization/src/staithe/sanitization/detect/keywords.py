"""Finds, in one pass over a text, the words that give context to numbers and the keywords that announce rules. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import ahocorasick_rs

from staithe.sanitization.detect.context import Context
from staithe.sanitization.lookalikes import lookalikes

SHORT_BYTES: Final = 5
"""Words up to here must end where they end; longer ones may go on: `telefon` in `telefonisch`."""


@dataclass(slots=True)
class _Meaning:
    """What a keyword stands for."""

    latin_start: bool = False
    latin: bool = False
    topics: tuple[str, ...] = ()
    whole: list[int] = field(default_factory=list)
    """Rules that begin with the keyword, which therefore must not stand inside a word."""
    anywhere: list[int] = field(default_factory=list)


class Keywords:
    """All keywords as one automaton (Aho and Corasick, 1975); one instance serves many threads.

    `topics`: words by topic. `rules`: each rule's keywords, and whether it begins with them. All in lower case.
    """

    def __init__(self, topics: Mapping[str, Iterable[str]], rules: Sequence[tuple[Iterable[str], bool]]) -> None:
        meanings: defaultdict[bytes, _Meaning] = defaultdict(_Meaning)
        for topic, words in topics.items():
            for written in {form for word in words for form in _forms(word)}:
                meanings[written].topics += (topic,)
        for index, (words, begins) in enumerate(rules):
            for written in {form for word in words for form in _forms(word)}:
                meaning = meanings[written]
                (meaning.whole if begins else meaning.anywhere).append(index)
        for encoded, meaning in meanings.items():
            meaning.latin_start = encoded[:1].isalnum()
            meaning.latin = encoded[:1].isalpha() and encoded[-1:].isalpha()
        self._meanings = list(meanings.values())
        self._automaton = ahocorasick_rs.BytesAhoCorasick(
            list(meanings), implementation=ahocorasick_rs.Implementation.DFA
        )

    def read(self, lowered: bytes) -> tuple[Context, list[tuple[int, int, int]]]:
        """Where topics are spoken of, and (rule, start, end) of each keyword that announces a rule, in order."""
        ends: list[int] = []
        spans: list[tuple[int, tuple[str, ...]]] = []
        announced: list[tuple[int, int, int]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
            meaning = self._meanings[index]
            inside = start > 0 and 97 <= lowered[start - 1] <= 122
            if meaning.topics and not (meaning.latin and (inside or _goes_on(lowered, start, end))):
                ends.append(end)
                spans.append((start, meaning.topics))
            if meaning.whole and not (meaning.latin_start and (inside or (start and 48 <= lowered[start - 1] <= 57))):
                announced += [(rule, start, end) for rule in meaning.whole]
            if meaning.anywhere:
                announced += [(rule, start, end) for rule in meaning.anywhere]
        return Context(ends, spans), announced


def _forms(word: str) -> set[bytes]:
    """A word as it stands in a text whose ASCII letters are in lower case: letters beyond keep their capitals there.

    Also as it stands where look-alikes of ASCII letters were folded, half of a Russian word into Latin.
    """
    spellings = (word, word.upper(), word.capitalize())
    return {form.encode().lower() for each in spellings for form in (each, each.translate(lookalikes()))}


def _goes_on(lowered: bytes, start: int, end: int) -> bool:
    """Whether a short word is only the beginning of another: `bel` in `Belle`."""
    return end - start <= SHORT_BYTES and end < len(lowered) and 97 <= lowered[end] <= 122
