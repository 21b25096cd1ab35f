"""Finds personal data and credentials by pattern, in linear passes with RE2, confirmed by checksums. Pure.

It knows e-mail addresses, phone numbers, payment cards, IBANs and the commonest credentials. It does not know names,
places or national ids: those are found by the full sanitization service, not by this one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import phonenumbers
import re2
from stdnum import iban, luhn

from staithe.kernel.errors import InvalidEvent
from staithe.sanitization.detect.finding import Finding

NAME: Final = "patterns"

PHONE_REGIONS: Final = ("GB", "DE", "US")
"""Where a number without a country code may be from; those with one are recognised from everywhere."""

REFUSED_CANDIDATES_MAX: Final = 50_000
"""About two seconds of checksums; a 512 KiB price list of numbers stays below it."""

_PATTERNS: Final[Mapping[str, str]] = {
    "PRIVATE_KEY": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[A-Za-z0-9+/=\s]*"
    r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----)?",
    "SECRET": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:ghp|gho|ghs)_[A-Za-z0-9]{36}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,100}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,100}:[^\s/@]{1,200}@[^\s\"'<>]{1,200}"
    r"|(?i:\b(?:secret[_ -]?(?:access[_ -]?)?key|api[_ -]?key|password|passwd|pwd)\b)"
    r"[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?[^\s\"',;]{8,200}",
    "EMAIL": r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b",
    "IBAN": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "CARD": r"\b[0-9](?:[ -]?[0-9]){12,18}\b",
    "PHONE": r"(?:\+|\b00|\b0|\()[0-9](?:[ ()./-]{0,2}[0-9]){6,14}\b",
}


def _is_phone(text: str) -> bool:
    for region in PHONE_REGIONS:
        try:
            if (
                phonenumbers.is_possible_number(number := phonenumbers.parse(text, region))
                and len(str(number.national_number)) >= 8
            ):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return 13 <= len(digits) <= 19 and luhn.is_valid(digits)


def _is_iban(text: str) -> bool:
    return bool(iban.is_valid(text, check_country=False))


def _longest(text: str, valid: Callable[[str], bool]) -> int:
    """The length of the longest run of whole groups at the start of `text` that is valid: a card, then its CVC."""
    end = len(text)
    while end > 0 and not valid(text[:end]):
        end = max(text.rfind(" ", 0, end), text.rfind("-", 0, end))
    return max(end, 0)


_CONFIRM: Final[Mapping[str, Callable[[bytes], int]]] = {
    "IBAN": lambda found: _longest(found.decode(), _is_iban),
    "CARD": lambda found: _longest(found.decode(), _is_card),
    "PHONE": lambda found: len(found) if _is_phone(found.decode()) else 0,
}
"""How many of a candidate's bytes a checksum confirms; entities that are not here need none."""


class Patterns:
    """One pass per entity, most harmful first, each between the findings of those before it.

    So time grows with the text alone, and nothing can hide by standing in the tail of something less harmful.
    Entities that a checksum may refuse have patterns of bounded length: going on after a refusal reads little again.
    It works on UTF-8 bytes, because RE2's binding converts a whole string at each call; spans are characters again.
    """

    def __init__(self) -> None:
        self.version = hashlib.sha256("\n".join(_PATTERNS.values()).encode()).hexdigest()
        self._patterns = {name: re2.compile(pattern.encode()) for name, pattern in _PATTERNS.items()}

    def find(self, text: str) -> list[Finding]:
        """Every confirmed finding, in order, none overlapping.

        Where a candidate's checksum refuses it, the search goes on inside it, so that one entity cannot hide behind
        another's shape. Raises InvalidEvent above REFUSED_CANDIDATES_MAX: what can't be checked does not pass.
        """
        encoded = text.encode()
        found: list[Finding] = []
        refusals = _Refusals()
        for name in self._patterns:
            gaps = zip([0, *(each.end for each in found)], [*(each.start for each in found), len(encoded)], strict=True)
            fresh = [each for start, end in gaps for each in self._between(encoded, name, start, end, refusals)]
            found = sorted([*found, *fresh], key=lambda each: each.start)
        return found if len(encoded) == len(text) else _in_characters(encoded, found)

    def _between(self, encoded: bytes, name: str, start: int, end: int, refusals: "_Refusals") -> Iterator[Finding]:
        """The confirmed findings of one entity from `start` to `end`."""
        pattern, confirm = self._patterns[name], _CONFIRM.get(name, len)
        while (match := pattern.search(encoded, start, end)) is not None:
            if confirmed := confirm(match.group()):
                start = match.start() + confirmed
                yield Finding(name, match.start(), start, 1.0, NAME)
            else:
                refusals.count()
                start = _next_start(encoded, match.start(), match.end())


class _Refusals:
    """Counts candidates that a checksum refused, up to the limit."""

    def __init__(self) -> None:
        self._left = REFUSED_CANDIDATES_MAX

    def count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise InvalidEvent(
                "too many look-alikes of personal data to check; split the document",
                reason_code="DETECTION_WORK_EXCEEDED",
            )


def _next_start(encoded: bytes, start: int, end: int) -> int:
    """Where the next candidate can begin: candidates start at a word's boundary, so the rest of a word is skipped."""
    position = start + 1
    while position < end and encoded[position - 1 : position].isalnum() and encoded[position : position + 1].isalnum():
        position += 1
    return position


def _in_characters(encoded: bytes, found: list[Finding]) -> list[Finding]:
    """The same findings with spans counted in characters instead of bytes."""
    converted: list[Finding] = []
    bytes_before = characters_before = 0
    for each in found:
        start = characters_before + len(encoded[bytes_before : each.start].decode())
        end = start + len(encoded[each.start : each.end].decode())
        converted.append(replace(each, start=start, end=end))
        bytes_before, characters_before = each.end, end
    return converted
