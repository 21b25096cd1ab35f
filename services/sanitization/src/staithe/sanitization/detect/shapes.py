"""The one expression that finds everything worth a look: candidates, judged afterwards by what they look like. Pure.

It is one alternation without groups, so that RE2 runs it as one automaton over the bytes of the text: its time grows
with the text alone. What may be refused is of bounded length, so that going on behind a refusal reads little again.
"""

from typing import Final

import re2

from staithe.sanitization.detect.days import COUNTRY_POSTCODE, DAY, STATE_POSTCODE, WEEKDAY, YEAR
from staithe.sanitization.detect.expressions import Expression

_MEMORY_BYTES: Final = 64 << 20
"""Room for the automaton's states; without it RE2 falls back to a slower machine."""

_MONTH: Final = (
    rb"(?i:jan|feb|m[a\xc3]|apr|avr|abr|jun|jui|jul|au[gt]|ago|sep|o[ck]t|out|nov|de[cz]|d\xc3|gen|mag|giu|lug|set|ene|dic)"
    rb"[a-z\x80-\xff]{0,8}"
)
_URL: Final = rb"(?:(?i:https?|ftps?)://|\bwww\.)[^\s<>\"'`\\|]+"
_EMAIL: Final = rb"[A-Za-z0-9._%+\-'\x80-\xff]{1,64}@(?:[A-Za-z0-9\-\x80-\xff]{1,63}\.){1,8}[A-Za-z\x80-\xff]{2,24}"
_GEO: Final = rb"-?\b\d{1,2}\.\d{4,12}\xc2?\xb0? ?[NS]?, ?-?\d{1,3}\.\d{4,12}\xc2?\xb0?(?: ?[EW]\b)?"
_IBAN: Final = rb"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?\b"
_MAC: Final = rb"\b[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})\b"
_IP6: Final = rb"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}"
_IP4: Final = rb"\b\d{1,3}(?:\.\d{1,3}){3}\b"
_DATE: Final = (
    rb"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?\b"
    rb"|\b\d{4}[/.]\d{1,2}[/.]\d{1,2}\b"
    rb"|\b\d{1,2}(?:/\d{1,2}/|\.\d{1,2}\.|-\d{1,2}-)(?:\d{4}|\d{2})\b"
    rb"|\b\d{1,2}(?:st|nd|rd|th|\.|er)? (?:of |de |di )?" + _MONTH + rb"\.?,?(?: de| del)? \d{4}\b"
    rb"|\b" + _MONTH + rb"\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
)
_CITIZEN: Final = rb"\b\d{8} ?\d ?[A-Z]{2}\d\b"
"""Portugal's citizen card: letters amid the digits."""
_NUMBER: Final = rb"[+(]{0,2}\d(?:(?: [/\-] |[ \-./]?[ ()]{0,2})\d){5,}(?: ?(?:x|ext\.? ?)\d{1,6}\b)?"
_TOKEN: Final = (
    rb"\b[A-Z]{2} \d\d ?\d\d ?\d\d ?[A-D]\b"
    rb"|\b[A-Z]{1,2}\d[A-Z0-9]? \d[A-Z]{2}\b|\b[A-Z]\d[A-Z] \d[A-Z]\d\b"
    rb"|\b[A-Z]\d{6}\([0-9A]\)|\b[XYZ]-\d{7}-[A-Z]\b|\b[A-Z&]{3,4}[ -]\d{6}[ -][A-Z0-9]{3}\b"
    rb"|\b0x[0-9a-fA-F]{40}\b|\b[13LDM][1-9A-HJ-NP-Za-km-z]{25,34}\b"
    rb"|\b[A-Za-z]{1,8}\d[A-Za-z0-9]{3,62}\b|\b[0-9][A-HJ-NPR-Z0-9]{16}\b"
    rb"|\b\d[A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d\d\b"
)

_UUID: Final = rb"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
_ORDER: Final = (
    _UUID, _GEO, _EMAIL, _IBAN, _MAC, _IP6, _IP4, _DATE, _CITIZEN, _NUMBER, DAY, YEAR, WEEKDAY, STATE_POSTCODE,
    COUNTRY_POSTCODE, _TOKEN,
)  # fmt: skip


def _compile(pattern: bytes) -> Expression:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.never_capture = True
    options.log_errors = False
    return Expression(pattern, options)


def scanner() -> Expression:
    """Finds candidates in a text."""
    return _compile(b"|".join((_URL, *_ORDER)))


def inner_scanner() -> Expression:
    """Finds candidates in what was found to be an address of the web."""
    return _compile(b"|".join(_ORDER))


def number_at() -> Expression:
    """Matches a row of digits, for what began like a date and goes on."""
    return _compile(_NUMBER)


DIGEST_OF: Final = b"|".join((_URL, *_ORDER))
"""What the version of this detector is taken from."""
