"""What the words around a place speak of. Pure."""

from bisect import bisect_right
from typing import Final

BEFORE_BYTES: Final = 64
"""How far before a candidate a word may stand: a label, a few words and a line break."""
AFTER_BYTES: Final = 24
"""How far behind it: a number, then `fax` or `office`."""
WORDS_MAX: Final = 12
"""So many words are looked at on each side: more in so short a space are a flood of them."""


class Context:
    """Where topics are spoken of in one text: the ends of the words, rising, with each word's start and topics."""

    __slots__ = ("_ends", "_spans")

    def __init__(self, ends: list[int], spans: list[tuple[int, tuple[str, ...]]]) -> None:
        self._ends, self._spans = ends, spans

    def around(self, start: int, end: int, within: int = BEFORE_BYTES) -> list[str]:
        """The topics of the words up to `within` before `start`, nearest first, then of those right behind `end`."""
        if not self._ends:
            return []
        found: list[str] = []
        index = bisect_right(self._ends, start + 1)
        for position in range(index - 1, max(-1, index - 1 - WORDS_MAX), -1):
            if start - self._ends[position] > within:
                break
            found += self._spans[position][1]
        return found + self.behind(end)

    def behind(self, end: int) -> list[str]:
        """The topics of the words right behind `end`."""
        found: list[str] = []
        index = bisect_right(self._ends, end)
        for start, topics in self._spans[index : index + WORDS_MAX]:
            if start > end + AFTER_BYTES:
                break
            if start >= end:
                found += topics
        return found
