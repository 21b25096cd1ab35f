"""Makes values coarser: dates to years, ages to bands, addresses to regions, network addresses to /16. Pure."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

AGE_BAND_YEARS: Final = 10
AGE_TOP_BAND: Final = 90
"""Ages above are so rare that they point at a person (HIPAA safe harbor, 45 CFR 164.514(b)(2)(i)(C))."""

_YEAR: Final = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_NUMBER: Final = re.compile(r"(?<!\d)\d{1,3}(?!\d)")
_UK_POSTCODE: Final = re.compile(r"\b([A-Z]{1,2})\d[A-Z\d]? ?\d[A-Z]{2}\b")
_DIGIT_POSTCODE: Final = re.compile(r"(?<!\d)(\d{2})\d{3}(?:-\d{4})?(?!\d)")
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_ISO: Final = re.compile(r"(?P<y>\d{4})(?P<s1>[-./])(?P<m>\d{1,2})(?P=s1)(?P<d>\d{1,2})")
_DAY_FIRST: Final = re.compile(r"(?P<d>\d{1,2})(?P<s1>[-./])(?P<m>\d{1,2})(?P=s1)(?P<y>\d{4})")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WORDS: Final = re.compile(
    r"(?:(?P<d1>\d{1,2})(?:st|nd|rd|th)? (?P<m1>[A-Z][a-z]{2,8})"
    r"|(?P<m2>[A-Z][a-z]{2,8}) (?P<d2>\d{1,2})(?:st|nd|rd|th)?)"
    r",? (?P<y>\d{4})"
)


def generalise(entity: str, value: str) -> str | None:
    """What may stand for `value`, in brackets with the kind of fact it is; None when nothing coarser is known."""
    coarser = _COARSER.get(entity)
    return coarser(value) if coarser else None


def shift_date(value: str, days: int) -> str | None:
    """The date `value` moved by `days`, in the form it has; None when it is not one whole date in a known form."""
    for pattern, make in ((_ISO, _digits), (_DAY_FIRST, _digits), (_WORDS, _words)):
        match = pattern.fullmatch(value.strip())
        if match is not None:
            return make(match, days)
    return None


def _year(value: str) -> str | None:
    match = _YEAR.search(value)
    return f"[YEAR {match[1]}]" if match else None


def _age(value: str) -> str | None:
    match = _NUMBER.search(value)
    if match is None:
        return None
    low = min(int(match[0]) // AGE_BAND_YEARS * AGE_BAND_YEARS, AGE_TOP_BAND)
    return f"[AGE {low}+]" if low == AGE_TOP_BAND else f"[AGE {low}-{low + AGE_BAND_YEARS - 1}]"


def _network(value: str) -> str | None:
    match = _IPV4.search(value)
    try:
        if match:
            return f"[NETWORK {ipaddress.ip_network(match[0] + '/16', strict=False)}]"
        # Of IPv6, what a provider gets: a site has the next 16 bits (RFC 6177).
        return f"[NETWORK {ipaddress.ip_network(value.strip() + '/32', strict=False)}]"
    except ValueError:
        return None


def _region(value: str) -> str | None:
    """The postcode area: in the United Kingdom its letters, where postcodes have five digits the first two."""
    match = _UK_POSTCODE.search(value.upper())
    if match:
        return f"[REGION {match[1]}]"
    found = _DIGIT_POSTCODE.findall(value)
    return f"[REGION {found[-1]}xxx]" if found else None


_COARSER: Final[Mapping[str, Callable[[str], str | None]]] = {
    "DATE": _year, "DATE_OF_BIRTH": _year, "AGE": _age, "IP": _network, "ADDRESS": _region, "POSTCODE": _region,
}  # fmt: skip


def _moved(year: str, month: int, day: str, days: int) -> date | None:
    try:
        return date(int(year), month, int(day)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _digits(match: re.Match[str], days: int) -> str | None:
    moved = _moved(match["y"], int(match["m"]), match["d"], days)
    if moved is None:
        return None
    separator = match["s1"]
    parts = (f"{moved.year:04}", f"{moved.month:02}", f"{moved.day:02}")
    return separator.join(parts if match.start("y") == match.start() else parts[::-1])


def _words(match: re.Match[str], days: int) -> str | None:
    name = match["m1"] or match["m2"]
    numbers = [number for number, month in enumerate(_MONTHS, start=1) if month == name or month[:3] == name]
    moved = _moved(match["y"], numbers[0], match["d1"] or match["d2"], days) if numbers else None
    return f"{moved.day} {_MONTHS[moved.month - 1]} {moved.year}" if moved else None
