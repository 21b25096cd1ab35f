"""Cuts a text into blocks, so that work on it takes the memory of one block, however long it is."""

from collections.abc import Iterator
from typing import Final

BLOCK_CHARACTERS: Final = 24_000


def blocks(text: str) -> Iterator[tuple[int, int]]:
    """Consecutive parts of `text`: each ends at the last line break of its second half, or else space, or is cut."""
    start = 0
    while len(text) - start > BLOCK_CHARACTERS:
        middle, limit = start + BLOCK_CHARACTERS // 2, start + BLOCK_CHARACTERS
        cut = text.rfind("\n", middle, limit)
        if cut < 0:
            cut = text.rfind(" ", middle, limit)
        end = cut + 1 if cut >= 0 else limit
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)
