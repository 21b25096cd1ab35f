"""Judges rows of digits and identifiers: cards first, then what writing or words tell, then telephone numbers. Pure."""

import re
from collections.abc import Callable
from typing import Final

from staithe.sanitization.detect.cards import cards_in
from staithe.sanitization.detect.context import BEFORE_BYTES, Context
from staithe.sanitization.detect.finding import Finding
from staithe.sanitization.detect.identities import Identities, Identity
from staithe.sanitization.detect.phones import phone_score, phones_in
from staithe.sanitization.detect.work import Work

NAME: Final = "patterns"

NEAR_BYTES: Final = 32
"""How far before digits without separators a word that speaks of telephones may stand."""
IDENTITY_DIGITS_MAX: Final = 20
"""No number that a state or a bank gives out is longer."""

_NOT_DIGITS: Final = bytes(each for each in range(256) if not 48 <= each <= 57)
_DIGITS: Final = b"0123456789"
_SEPARATORS: Final = b" -./()"
_NO_SEPARATORS: Final = str.maketrans("", "", _SEPARATORS.decode())
_TAIL: Final = re.compile(rb"[A-Za-z][A-Za-z0-9]{0,24}|[ -][A-Za-z](?![A-Za-z0-9])")
"""Letters that follow a row of digits and may be of it."""
_SSN: Final = re.compile(rb"(?<![\d-])\d{3}-\d\d-\d{4}(?![\d-])")


class Numbers:
    """One document's rows of digits; what is found goes to `found`."""

    def __init__(self, encoded: bytes, context: Context, kinds: Identities, work: Work, found: list[Finding]) -> None:
        self._encoded, self._context, self._kinds, self._work = encoded, context, kinds, work
        self._found = found

    def _add(self, entity: str, start: int, end: int, score: float) -> None:
        self._found.append(Finding(entity, start, end, score, NAME))

    def judge(self, start: int, end: int) -> int:
        """Settles a row of digits and separators; returns where to read on."""
        encoded = self._encoded
        tail = _TAIL.match(encoded, end) if end < len(encoded) and encoded[end] not in b"\n\t,;:" else None
        if tail is not None and b"x" not in encoded[start:end]:
            if self.identity(start, tail.end()):
                return tail.end()
            if encoded[end : end + 1].isalpha() and not encoded[start:end].translate(None, _DIGITS):
                return tail.end()  # letters and digits mixed, of no known kind
        digits = encoded[start:end].translate(None, _NOT_DIGITS)
        position = start
        if len(digits) >= 12:
            for first, last in cards_in(encoded[start:end], self._work):
                self._rest(position, start + first)
                self._add("CARD", start + first, start + last, 0.95)
                position = start + last
        self._rest(position, end)
        return end

    def _rest(self, start: int, end: int) -> None:
        """What the digits between cards are."""
        text = self._encoded[start:end]
        stripped = text.strip(b" -./")
        start += text.find(stripped[:1]) if stripped else 0
        text, end = stripped, start + len(stripped)
        count = len(text.translate(None, _NOT_DIGITS))
        if count < 5:
            return
        if count <= 20 and (self.identity(start, end) or self._phone(start, end, text)):
            return
        if b" " in text or b"-" in text or b"/" in text:
            self._inside(start, text)

    def _phone(self, start: int, end: int, text: bytes) -> bool:
        # Digits alone may count or number anything, so the word must be near.
        within = NEAR_BYTES if text.isdigit() else BEFORE_BYTES
        spoken_of = "phone" in self._context.around(start, end, within) or "phone_kind" in self._context.behind(end)
        if text.startswith(b"(") and text.count(b"(") > text.count(b")"):
            start, text = start + 1, text[1:]  # the bracket belongs to the sentence
        if score := phone_score(text, spoken_of=spoken_of):
            self._add("PHONE", start, end, score)
        return bool(score)

    def _inside(self, start: int, text: bytes) -> None:
        """Numbers that tell by themselves in a longer row."""
        for first, last, score in phones_in(text, self._work):
            self._add("PHONE", start + first, start + last, score)
        for match in _SSN.finditer(text):
            self.identity(start + match.start(), start + match.end())

    def identity(self, start: int, end: int) -> bool:
        """Adds what the characters are by their writing, or by the words around them."""
        written = self._encoded[start:end].decode(errors="replace")
        compact = written.translate(_NO_SEPARATORS).upper()
        for kind in self._kinds.told_by_writing(written, compact):
            if kind.is_written_so(written) and self._holds(kind, written, compact):
                self._add(kind.entity, start, end, kind.score)
                return True
        for topic in self._context.around(start, end):
            if topic == "phone":
                if compact.isdigit() and len(compact) >= 7:
                    return False
                continue
            named = self._kinds.by_topic.get(topic)
            if named is not None and len(compact) in named.length and self._holds(named, written, compact):
                self._add(named.entity, start, end, named.score)
                return True
        return False

    def _holds(self, kind: Identity, written: str, compact: str) -> bool:
        return self.settle(kind.topic, written.encode(), lambda: kind.holds(written.upper(), compact))

    def settle(self, name: str, text: bytes, check: Callable[[], bool]) -> bool:
        """What `check` says of `text`, asked once in a document; a refusal is counted."""
        known = self._work.settled.get((name, text))
        if known is None:
            known = self._work.settled[(name, text)] = check()
            if not known:
                self._work.spend()
        return known
