"""RE2 expressions over bytes that answer with places instead of match objects.

google-re2's own `search` makes a generator and an object for every call, which takes longer than RE2 itself where a
text is full of candidates. What is called here is the function under it: not promised by the package, so the lock pins
the package's version, and tests compare both.
"""

from typing import Any, Final

import re2

_FROM_HERE: Final = re2._re2.RE2.Anchor.ANCHOR_START  # noqa: SLF001 - see above
_ANYWHERE: Final = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001


class Expression:
    """One compiled expression; one instance serves many threads. Raises re2.error where it is wrong."""

    __slots__ = ("_compiled", "_group", "_match")

    def __init__(self, pattern: bytes, options: Any = None) -> None:
        self._compiled = re2.compile(pattern, options)
        self._match = self._compiled._regexp.Match  # noqa: SLF001
        self._group = self._compiled.groupindex.get(b"value", 0)

    def search(self, text: bytes, start: int, end: int) -> "tuple[int, int] | None":
        """Where the first match lies in `text[start:end]`; `start` ≤ `end`, which must not lie behind the text."""
        span: tuple[int, int] = self._match(_ANYWHERE, text, start, end)[0]
        return None if span[0] < 0 else span

    def match(self, text: bytes, start: int, end: int) -> "tuple[int, int] | None":
        """The same for a match that begins at `start`."""
        span: tuple[int, int] = self._match(_FROM_HERE, text, start, end)[0]
        return None if span[0] < 0 else span

    def value(self, text: bytes, start: int, end: int, *, anywhere: bool) -> "tuple[int, int, int] | None":
        """Where the group `value` of the first match lies, or all of it if there is none, and where the match ends."""
        spans: list[tuple[int, int]] = self._match(_ANYWHERE if anywhere else _FROM_HERE, text, start, end)
        return None if spans[0][0] < 0 else (*spans[self._group], spans[0][1])
