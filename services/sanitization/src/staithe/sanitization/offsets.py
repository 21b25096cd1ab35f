"""Edits of a text, and the way back: which characters of the old text a span of the new one stands for. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of the old text become `text`."""

    start: int
    end: int
    text: str


class OffsetMap:
    """Leads spans of an edited text back to the text before. What no edit touched maps character by character;
    what an edit wrote maps to all that it replaced."""

    def __init__(self, edits: Iterable[Edit] = ()) -> None:
        """`edits` in order, none overlapping."""
        self._new_starts: list[int] = []
        self._new_ends: list[int] = []
        self._old_starts: list[int] = []
        self._old_ends: list[int] = []
        shift = 0
        for edit in edits:
            self._old_starts.append(edit.start)
            self._old_ends.append(edit.end)
            self._new_starts.append(edit.start + shift)
            shift += len(edit.text) - (edit.end - edit.start)
            self._new_ends.append(edit.end + shift)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The old characters that the new characters `start` to `end` stand for; `start` < `end`.

        Old characters that were removed at the span's edges are not part of it; those inside it are.
        """
        # The last edit that began at or before the first character, and the first that ends after the last one.
        before = bisect_right(self._new_starts, start) - 1
        if before >= 0 and start < self._new_ends[before]:
            first = self._old_starts[before]
        else:
            first = start + (self._old_ends[before] - self._new_ends[before] if before >= 0 else 0)
        after = bisect_left(self._new_ends, end)
        if after < len(self._new_ends) and self._new_starts[after] < end:
            return first, self._old_ends[after]
        previous = after - 1
        return first, end + (self._old_ends[previous] - self._new_ends[previous] if previous >= 0 else 0)


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """`text` with each edit made; `edits` in order, none overlapping."""
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])
