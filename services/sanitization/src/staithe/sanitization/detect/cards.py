"""Payment cards in rows of digits: issuer's prefix, length, Luhn's check (ISO/IEC 7812-1). Pure."""

import re
from itertools import accumulate
from typing import Final

from staithe.sanitization.detect.work import Work

_ISSUER: Final = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    rb"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|(?:2131|1800)\d{11}|35\d{14}|62\d{14,17}"
    rb"|220[0-4]\d{12}|(?:5018|502\d|503\d|5[6-8]\d\d|60\d\d|6[1-9]\d\d|0604|639\d)\d{8,15}|9792\d{12}"
)
_LENGTHS: Final = (16, 15, 14, 13, 19)
"""How long a card may be that stands beside other digits, likeliest first; the rarer lengths must stand alone."""
_NOT_DIGITS: Final = bytes(each for each in range(256) if not 48 <= each <= 57)
_GROUP: Final = re.compile(rb"\d+")
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_FIRST: Final = frozenset(b"01234569")
"""Digits that an issuer's prefix can begin with."""


def is_card(digits: bytes) -> bool:
    """Whether digits without separators are a card's number."""
    return (
        12 <= len(digits) <= 19
        and _ISSUER.fullmatch(digits) is not None
        and digits.count(digits[:1]) < len(digits)
        and _sum(digits) % 10 == 0
    )


def _sum(digits: bytes) -> int:
    values = [each - 48 for each in reversed(digits)]
    return sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])


def cards_in(row: bytes, work: Work) -> list[tuple[int, int]]:
    """Where cards stand in a row of digits and separators: whole groups, none overlapping.

    Sums are kept for both ways of doubling, so that asking whether a window's check is right costs the same however
    long it is: a text of nothing but digits is read once.
    """
    groups = [(match.start(), match.end()) for match in _GROUP.finditer(row)]
    digits = row.translate(None, _NOT_DIGITS)
    if len(groups) == 1 or len(groups) == len(digits):
        return [(groups[0][0], groups[-1][1])] if is_card(digits) else []
    if is_card(digits) and len(groups) <= 6:
        return [(groups[0][0], groups[-1][1])]
    values = [each - 48 for each in digits]
    sums = [
        list(
            accumulate(
                (_DOUBLED[value] if index & 1 == odd else value for index, value in enumerate(values)), initial=0
            )
        )
        for odd in (0, 1)
    ]
    firsts = list(accumulate((end - start for start, end in groups), initial=0))
    found, index = [], 0
    while index < len(groups):
        if digits[firsts[index]] in _FIRST and (last := _card_from(index, firsts, digits, sums, work)):
            found.append((groups[index][0], groups[last - 1][1]))
            index = last
        else:
            index += 1
    return found


def _card_from(index: int, firsts: list[int], digits: bytes, sums: list[list[int]], work: Work) -> int:
    """The group behind the card that begins with group `index`; 0 when none does."""
    start, best, best_rank = firsts[index], 0, len(_LENGTHS)
    for last in range(index + 1, min(len(firsts), index + 7)):
        length = firsts[last] - start
        if length > 19:
            break
        # Counted from the right: the last digit is plain, so digits of the other parity are doubled.
        sum_ = sums[firsts[last] & 1]
        if length not in _LENGTHS or (sum_[firsts[last]] - sum_[start]) % 10:
            continue
        if (rank := _LENGTHS.index(length)) > best_rank:
            continue
        if is_card(digits[start : firsts[last]]):
            best, best_rank = last, rank
        else:
            work.spend()
    return best
