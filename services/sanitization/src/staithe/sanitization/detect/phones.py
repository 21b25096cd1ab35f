"""Telephone numbers: from their writing alone where it tells, with a word beside them where it does not. Pure.

Country codes and the lengths that numbers may have there are the ones that the phonenumbers package carries (ITU-T
E.164). Parsing a number with that package costs a thousand times what these checks do, so it is not done.
"""

import re
from functools import cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from staithe.sanitization.detect.work import Work

_EXTENSION: Final = re.compile(rb" ?(?:x|ext\.? ?)\d{1,6}$")
_NOT_DIGITS: Final = bytes(each for each in range(256) if not 48 <= each <= 57)
_NORTH_AMERICAN: Final = re.compile(rb"(?:(?:\+?1|001)[-. ]?)?(?:\([2-9]\d\d\)[-. ]?|[2-9]\d\d[-. ])\d{3}[-. ]\d{4}")
_WITH_TRUNK: Final = re.compile(
    rb"\(?0\d{1,5}\)?(?: [/-] \d{1,4}|[ ./-]{1,2}\d{2,4}){2,5}|\(?0\d{2,5}\)?[ /-]{1,3}\d{5,8}"
    rb"|0\d{3}[ -]\d{3}[ -]?\d{3,4}"
)
_ABROAD: Final = re.compile(rb"\(*(\+|011|00)")
_NO_PHONE: Final = re.compile(rb"\+?\d+\.\d+|(?:19|20)\d\d-(?:19|20)\d\d")
"""A decimal number, or two years."""
_INSIDE: Final = re.compile(
    rb"(?<![\d.])(?:\(?(?:\+|00)\d{1,3}[ ()./-]{0,2}\d(?:[ ()./-]{0,2}\d){6,11}(?!\d)"
    rb"|\(?0\d\)?(?:[ .-]\d\d){4}(?!\d)|\(?0\d{3,4}\)?(?:[ ./-]\d\d){3}(?!\d)"
    rb"|\(?0\d{1,4}\)?[ ./-]\d{3,4}[ .-]\d{3,4}(?!\d)"
    rb"|(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])\d{3}[-. ]\d{4}(?!\d))"
)
"""Finds numbers that tell by themselves within a longer row of digits. No part can be taken in two ways for long."""


@cache
def _lengths(country_code: int) -> frozenset[int]:
    """How many digits a number may have behind a country code."""
    found: set[int] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE.get(country_code, ()):
        metadata = (
            PhoneMetadata.metadata_for_nongeo_region(country_code)
            if region == "001"
            else PhoneMetadata.metadata_for_region(region)
        )
        found.update(metadata.general_desc.possible_length if metadata and metadata.general_desc else ())
    return frozenset(found)


def is_international(digits: bytes) -> bool:
    """Whether digits begin with a country code and are as many as numbers there have."""
    for length in (1, 2, 3):
        if (code := int(digits[:length] or b"0")) in COUNTRY_CODE_TO_REGION_CODE:
            lengths, rest = _lengths(code), len(digits) - length
            return rest in lengths or (digits[length : length + 1] == b"0" and rest - 1 in lengths)
    return False


def phone_score(text: bytes, *, spoken_of: bool) -> float:
    """How surely `text`, which is digits and separators, is a telephone number: 0 when it is none.

    `spoken_of`: a word that speaks of telephones stands beside it.
    """
    body = _EXTENSION.sub(b"", text)
    digits = body.translate(None, _NOT_DIGITS)
    if (
        not 7 <= len(digits) <= 17
        or digits.count(digits[:1]) == len(digits)
        or body.count(b"(") != body.count(b")")
        or _NO_PHONE.fullmatch(body)
    ):
        return 0.0
    if (prefix := _ABROAD.match(body)) and is_international(digits[len(prefix[1]) if prefix[1] != b"+" else 0 :]):
        return 0.95 if prefix[1] == b"+" or spoken_of or len(digits) < len(body) else 0.0
    if _NORTH_AMERICAN.fullmatch(body):
        return 0.9 if spoken_of else 0.75
    if 9 <= len(digits) <= 12 and _WITH_TRUNK.fullmatch(body):
        return 0.9 if spoken_of else 0.7
    return 0.85 if spoken_of and len(digits) <= 15 else 0.0


def phones_in(row: bytes, work: Work) -> list[tuple[int, int, float]]:
    """Where numbers that tell by themselves stand in a row of digits and separators, and how surely."""
    found: list[tuple[int, int, float]] = []
    position = 0
    while (match := _INSIDE.search(row, position)) is not None:
        start, end = match.span()
        score = 0.0
        while end - start >= 8 and not (score := phone_score(row[start:end], spoken_of=False)):
            # The number may have been read into what follows it: give back one group after the other.
            end = max(row.rfind(each, start, end) for each in (b" ", b"-", b"/", b"."))
        if score:
            found.append((start, end, score))
        else:
            work.spend()
        position = end if score else start + len(match.group().split(maxsplit=1)[0])
    return found
