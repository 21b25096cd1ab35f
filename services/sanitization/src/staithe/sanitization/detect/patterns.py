"""Finds what has a shape: numbers, addresses of the net, dates, identifiers. One pass, confirmed by checks and context.

The text is read once for candidates (shapes.py) and once for words (context.py); every candidate is then judged by
its own characters and by the words around it, each at a cost that does not depend on the length of the text.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from stdnum import bitcoin

from staithe.sanitization.detect import identities, shapes
from staithe.sanitization.detect.accounts import iban_length
from staithe.sanitization.detect.context import Context
from staithe.sanitization.detect.days import WEEKDAY_SCORE, YEAR_SCORE, is_day, number_behind
from staithe.sanitization.detect.expressions import Expression
from staithe.sanitization.detect.finding import Finding, digest
from staithe.sanitization.detect.identities import Identities
from staithe.sanitization.detect.numbers import NAME, Numbers
from staithe.sanitization.detect.work import Work

_WORD: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_DIGITS: Final = frozenset(b"0123456789")
_LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DATE: Final = re.compile(
    rb"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d))(?:[T ]\d\d:\d\d(?::\d\d)?)?"
)
_POSTCODE: Final = re.compile(
    r"(?:GIR 0AA|(?:[A-PR-UWYZ]\d[\dA-HJKPS-UW]?|[A-PR-UWYZ][A-HK-Y]\d[\dABEHMNPRV-Y]?) \d[ABD-HJLNP-UW-Z]{2})"
    r"|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d"
)
_ADDRESS: Final = re.compile(rb"(?i)https?://|ftps?://|www\.")
_ADDRESS_FIRST: Final = frozenset(b"hHfFwW")
_IP4: Final = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
_NOBODY: Final = (b"0.0.0.0", b"127.0.0.1", b"255.255.255.255")
_PRIVATE: Final = re.compile(rb"172\.(?:1[6-9]|2\d|3[01])\.")
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URL_END: Final = b".,;:!?)]}'*"


class Patterns:
    """The detector of shapes; one instance serves many threads."""

    def __init__(self) -> None:
        self._scan, self._inner, self._number = shapes.scanner(), shapes.inner_scanner(), shapes.number_at()
        self._identities = identities.load()
        self.version = digest(shapes.DIGEST_OF, self._identities)

    def find(self, encoded: bytes, context: Context, work: Work) -> list[Finding]:
        """What stands in a text of UTF-8, spans in bytes, in no order; findings may meet."""
        return _Reading(encoded, context, self._identities, work).run(self._scan, self._inner, self._number)


class _Reading:
    """One document's pass."""

    def __init__(self, encoded: bytes, context: Context, kinds: Identities, work: Work) -> None:
        self._encoded, self._context, self._work = encoded, context, work
        self._found: list[Finding] = []
        self._numbers = Numbers(encoded, context, kinds, work, self._found)

    def run(self, scan: Expression, inner: Expression, number: Expression) -> list[Finding]:
        self._scan, self._number_at = scan, number
        position, size = 0, len(self._encoded)
        while position < size and (match := scan.search(self._encoded, position, size)) is not None:
            start, end = match
            if self._encoded[start] in _ADDRESS_FIRST and _ADDRESS.match(self._encoded, start, end):
                position = self._address(start, end, inner)
            else:
                position = self._judge(start, end)
        return self._found

    def _add(self, entity: str, start: int, end: int, score: float) -> int:
        self._found.append(Finding(entity, start, end, score, NAME))
        return end

    def _address(self, start: int, end: int, inner: Expression) -> int:
        """A URL, and what stands inside of it: an address of the web hides nothing."""
        text = self._encoded[start:end]
        self._add("URL", start, start + len(text.rstrip(_URL_END)), 0.9)
        position = start + max(text.find(b"://") + 3, 3)
        while position < end and (match := inner.search(self._encoded, position, end)) is not None:
            position = self._judge(*match)
        return max(end, position)

    def _judge(self, start: int, end: int) -> int:
        """Settles one candidate; returns where to read on."""
        text = self._encoded[start:end]
        first = text[0]
        inside_word = start > 0 and self._encoded[start - 1] in _WORD
        if b"@" in text:
            lead = len(text) - len(text.lstrip(b".'-%+_"))
            return self._add("EMAIL", start + lead, end, 0.95)
        if b":" in text and b" " not in text and b"T" not in text:
            return end if inside_word else self._net(start, end, text)
        if first in _LETTERS or first == 44:
            return self._worded(start, end, text)
        if text[:2] == b"0x":
            return self._token(start, end, text)
        if text.count(b".") == 2 and b"," in text:
            return self._geo(start, end, text)
        return start + _first_word(text) if inside_word else self._digits(start, end, text)

    def _worded(self, start: int, end: int, text: bytes) -> int:
        """Settles a candidate that begins with a letter, or with a comma before a state and its postcode."""
        entity, offset = number_behind(text) if text[-1] in _DIGITS else ("", 0)
        if entity:
            number = start + offset
            # It may be the beginning of something longer, which is then read instead.
            longer = self._scan.match(self._encoded, number, len(self._encoded)) if offset else None
            if longer is not None and longer[1] > end:
                return number
            return self._add(entity, number, end, YEAR_SCORE if entity == "DATE" else 0.85)
        if is_day(text):
            return self._add("DATE", start, end, WEEKDAY_SCORE) if text.isalpha() else self._date(start, end)
        return self._token(start, end, text)

    def _digits(self, start: int, end: int, text: bytes) -> int:
        """Settles a candidate that begins with a digit."""
        encoded = self._encoded
        if len(text) == 36 and _UUID.fullmatch(text):
            return end
        if start > 1 and encoded[start - 1] == 45 and encoded[start - 2] in _LETTERS and text.isdigit():
            return end  # the number of an article or a ticket
        if _IP4.fullmatch(text) and (read := self._ip4(start, end, text)):
            return read
        in_words = text[-5:-4] == b" " and any(each >= 97 for each in text)
        if in_words or _DATE.fullmatch(text) or (text[-1] in _LETTERS and is_day(text)):
            return self._date(start, end)
        if text[-3:-1].isalpha() or (text.isalnum() and not text.isdigit()):
            return self._token(start, end, text)
        return self._numbers.judge(start, end)

    # The net

    def _net(self, start: int, end: int, text: bytes) -> int:
        if len(text) == 17 and text.count(b":") == 5 and b"::" not in text:
            return self._add("MAC", start, end, 0.95)
        if b"::" in text or text.count(b":") == 7:
            digits = len(text) - text.count(b":")
            try:
                IPv6Address(text.decode())
            except AddressValueError:
                self._work.spend()
            else:
                if digits >= 5 and any(48 <= each <= 57 for each in text):
                    self._add("IP", start, end, 0.95)
        return end

    def _ip4(self, start: int, end: int, text: bytes) -> int:
        """Where to read on behind an address; 0 when it is none: a version, or one of more than four numbers."""
        following = self._encoded[end : end + 2]
        if following[:1] == b"." and following[1:].isdigit():
            return 0
        if any(int(part) > 255 or (len(part) > 1 and part[0] == 48) for part in text.split(b".")):
            return 0
        if "version" in self._context.around(start, start)[:2] or text in _NOBODY:
            return end
        private = text.startswith((b"10.", b"192.168.", b"169.254.", b"224.")) or _PRIVATE.match(text) is not None
        return self._add("IP", start, end, 0.5 if private else 0.9)

    def _geo(self, start: int, end: int, text: bytes) -> int:
        latitude, longitude = (abs(float(re.sub(rb"[^0-9.]", b"", part) or b"999")) for part in text.split(b",")[:2])
        if latitude <= 90 and longitude <= 180:
            return self._add("GEO", start, end, 0.85)
        return start + 1

    def _date(self, start: int, end: int) -> int:
        following = self._encoded[end : end + 2]
        if following[:1] and following[0] in b"-/. " and following[1:].isdigit():
            row = self._number_at.match(self._encoded, start, len(self._encoded))
            if row is not None and (following[0] != 32 or row[1] - end > 6):
                return self._numbers.judge(start, row[1])
        if "birth" in self._context.around(start, end):
            return self._add("DATE_OF_BIRTH", start, end, 0.9)
        return self._add("DATE", start, end, 0.8)

    # Identifiers and places

    def _token(self, start: int, end: int, text: bytes) -> int:
        if length := iban_length(text, self._work):
            return self._add("IBAN", start, start + length, 0.95)
        if b" " not in text and b"-" not in text and self._wallet(text):
            return self._add("CRYPTO_WALLET", start, end, 0.95)
        for stop in dict.fromkeys((end, start + _first_word(text))):
            if self._numbers.identity(start, stop):
                return stop
        if len(text) <= 8 and _POSTCODE.fullmatch(text.decode(errors="replace")):
            return self._add("POSTCODE", start, end, 0.7)
        return start + _first_word(text)

    def _wallet(self, text: bytes) -> bool:
        if text[:2] == b"0x":
            return len(text) == 42
        if len(text) >= 26 and (text[:1] in b"13" or text[:3].lower() == b"bc1"):
            return self._numbers.settle("wallet", text, lambda: bool(bitcoin.is_valid(text.decode())))
        return False


def _first_word(text: bytes) -> int:
    """The length of the first run of letters and digits: where the next candidate can begin behind it."""
    for position, each in enumerate(text):
        if each not in _WORD:
            return max(position, 1)
    return len(text)
