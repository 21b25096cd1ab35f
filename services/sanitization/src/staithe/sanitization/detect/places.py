"""Puts the parts of an address together, and finds the postcode beside a place. Pure; time grows with the findings.

Detectors find parts: a street by its name, a flat by its word, a place by the model of names. What stands between them
or at their ends, such as a house number or a postcode, tells nothing anywhere else.
"""

import re
from collections.abc import Sequence
from typing import Final

from staithe.sanitization.detect.finding import Finding

STREET_CHARACTERS: Final = 64
"""How far before a flat's number its street may begin."""
NUMBER_CHARACTERS: Final = 24
"""How far from an address or a place its house number or postcode may begin."""
POSTCODE_SCORE: Final = 0.7

_ADDRESS, _PLACE = "ADDRESS", "LOCATION"
_BETWEEN: Final = re.compile(r"\.?[ \t,>|-]{0,3}(?:\n[ \t>]{0,6}){0,2}[ \t,>|]{0,3}")
"""What may stand between two parts of one address: a comma, the next line, one empty line."""
_FREE: Final = r"(?<![\w.,/:#-])"
_HOUSE: Final = re.compile(_FREE + r"\d{1,6}[A-Za-z]?,? $")
_UNIT: Final = re.compile(r"(?i)(?:\d{1,6}[a-z]?[.,]* )?(?:apt\.?|suite|unit|flat) ?#?\w{1,6}")
_UNIT_FIRST: Final = frozenset("aAsSuUfF0123456789")
_STREET: Final = re.compile(
    _FREE + r"(?:\d{1,6}[A-Za-z]? )?(?:[^\W\d_][\w.'\u2019/-]*,? ){1,5}(?:\d{1,5}[A-Za-z]?\.?,? ?)?\n?[ \t>]{0,6}$"
)
"""Words before a flat's number, with a number before or behind them."""
_CODE: Final = r"(?P<code>\d{5}(?:-\d{4})?|\d{3} \d{2}|\d{2}-\d{3}|\d{4}-\d{3}|\d{4} [A-Z]{2}|\d{4})"
_AFTER: Final = re.compile(
    r"[ \t,>]{0,6}(?:\n[ \t>]{0,6})?[, ]{0,2}(?:[A-Z]{1,3},? |[A-Z]{2}\n[ \t>]{0,6})?" + _CODE + r"(?![\w%]|[.,:/-]\d)"
)
_BEFORE: Final = re.compile(_FREE + _CODE + r",? ?\n?[ \t>]{0,6}$")
_DIGITS: Final = frozenset("0123456789")
_YEAR: Final = re.compile(r"19\d\d|20[0-3]\d")
_ENDS: Final = ("", "\n", ",", ".")


def assembled(text: str, findings: Sequence[Finding]) -> list[Finding]:
    """The same findings, in order and none overlapping, with addresses whole and postcodes beside places found."""
    made: list[Finding] = []
    index = floor = 0
    while index < len(findings):
        each = findings[index]
        index += 1
        if each.entity in (_ADDRESS, _PLACE):
            while each.entity == _ADDRESS and index < len(findings) and _go_together(text, each, findings[index]):
                each = each._replace(end=findings[index].end, score=max(each.score, findings[index].score))
                index += 1
            ceiling = findings[index].start if index < len(findings) else len(text)
            made += _completed(text, each, floor, ceiling)
        else:
            made.append(each)
        floor = made[-1].end
    return made


def _go_together(text: str, address: Finding, following: Finding) -> bool:
    return following.entity == _ADDRESS and _BETWEEN.fullmatch(text, address.end, following.start) is not None


def _completed(text: str, place: Finding, floor: int, ceiling: int) -> list[Finding]:
    """An address or a place with the numbers between `floor` and `ceiling` that belong to it."""
    before = None
    if place.entity == _ADDRESS:
        place = _with_house_number(text, floor, _with_street(text, floor, place))
    else:
        start = max(floor, place.start - NUMBER_CHARACTERS)
        match = _BEFORE.search(text, start, place.start) if _has_digit(text[start : place.start]) else None
        before = _postcode(match, place) if match else None
    after = None
    stop = min(ceiling, place.end + 2 * NUMBER_CHARACTERS)
    match = _AFTER.match(text, place.end, stop) if _has_digit(text[place.end : stop]) else None
    # Four digits behind a place may count anything, unless the line or the sentence ends with them.
    if match and (place.entity == _ADDRESS or len(match["code"]) > 4 or text[match.end() : match.end() + 1] in _ENDS):
        after = _postcode(match, place)
    return [each for each in (before, place, after) if each is not None]


def _with_street(text: str, floor: int, address: Finding) -> Finding:
    """An address that begins with a flat, with the street before it on its line or on the one above."""
    if text[address.start] not in _UNIT_FIRST or not _UNIT.match(text, address.start, address.end):
        return address
    match = _STREET.search(text, max(floor, address.start - STREET_CHARACTERS), address.start)
    if match is None:
        return address
    street = text[match.start() : address.start + 1]  # and the first digit, if a house number is taken for the flat's
    is_one = any(map(str.isupper, street)) and any(map(str.isdigit, street))
    return address._replace(start=match.start()) if is_one else address


def _with_house_number(text: str, floor: int, address: Finding) -> Finding:
    start = max(floor, address.start - NUMBER_CHARACTERS)
    near = text[start : address.start]
    match = _HOUSE.search(text, start, address.start) if near.endswith(" ") and _has_digit(near[-4:]) else None
    return address._replace(start=match.start()) if match else address


def _has_digit(text: str) -> bool:
    return not _DIGITS.isdisjoint(text)


def _postcode(match: "re.Match[str]", place: Finding) -> Finding | None:
    if _YEAR.fullmatch(match["code"]):
        return None
    return Finding("POSTCODE", *match.span("code"), POSTCODE_SCORE, place.detector)
