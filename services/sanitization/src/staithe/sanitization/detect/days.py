"""What the words around a date say: a day without its year, a month, a year behind a preposition, a weekday. Pure."""

import re
from typing import Final

_MONTHS: Final = (
    rb"(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul"
    rb"|Aug|Sept?|Oct|Nov|Dec)"
)
_MONTHS_ABROAD: Final = (
    "(?:Januar|Jänner|Februar|März|Mai|Juni|Juli|Oktober|Dezember|janvier|février|mars|avril|mai|juin|juillet|août"
    "|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre"
    "|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|janeiro|fevereiro|março|maio"
    "|junho|julho|setembro|outubro|dezembro|januari|februari|maart|mei|augustus)"
).encode()
DAY: Final = (
    rb"\b\d{1,2}(?:st|nd|rd|th|\.)? (?:of )?" + _MONTHS + rb"\b"
    rb"|\b" + _MONTHS + rb"\.? (?:(?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th)?)\b"
    rb"|\b\d{1,2}\.? (?:de |di )?" + _MONTHS_ABROAD + rb"\b|\b" + _MONTHS_ABROAD + rb" (?:19|20)\d\d\b"
)
"""A day without its year, or a month with it."""
YEAR: Final = (
    rb"\b(?:(?i:in|since|during|until|till|from|by|before|after|circa|between|of|year|early|mid|late|the|spring|summer"
    rb"|autumn|fall|winter|jahr|seit|bis|en|depuis|desde|hasta|nel|dal|em)|[Aa])[ -](?:19\d\d|20[0-3]\d)\b"
)
"""A year and the word before it, without which it may be any number."""
WEEKDAY: Final = (
    rb"\b(?:(?i:(?:mon|tues|wednes|thurs|fri|satur|sun)day)|Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonnabend"
    rb"|Sonntag|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|jueves|viernes|domingo)\b"
)
STATE_POSTCODE: Final = (
    rb", [A-Z]{2} \d{5}(?:-\d{4})?\b"
    rb"|\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    rb"|W[AIVY]) \d{5}(?:-\d{4})?\b"
)
"""Postcodes of the United States and the letters of the state before them."""
COUNTRY_POSTCODE: Final = rb"\b(?:(?:D|F|I|E|S|FI|FIN|SE|CZ|SK|HR)-\d{5}|(?:CH|DK|NO|NL|BE)-\d{4})\b"
"""Postcodes behind a country's letters."""

YEAR_SCORE: Final = 0.6
WEEKDAY_SCORE: Final = 0.5
"""So low that a policy can tell a weekday, which says little of anybody, from a date."""

_WEEKDAY_MONTH: Final = re.compile(WEEKDAY + b"|" + DAY)
_MONTH_DAY_YEAR: Final = re.compile(rb"[A-Z][a-z\x80-\xff]{2,11}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}")
_YEAR: Final = re.compile(YEAR)
_STATE: Final = re.compile(STATE_POSTCODE)
_COUNTRY: Final = re.compile(COUNTRY_POSTCODE)


def is_day(text: bytes) -> bool:
    """Whether a candidate is a day or a month in words."""
    return _WEEKDAY_MONTH.fullmatch(text) is not None or _MONTH_DAY_YEAR.fullmatch(text) is not None


def number_behind(text: bytes) -> tuple[str, int]:
    """What the word at the beginning of `text` makes of the number at its end, and where that begins; "" if nothing."""
    if _YEAR.fullmatch(text):
        return "DATE", len(text) - 4
    if _STATE.fullmatch(text):
        return "POSTCODE", text.rfind(b" ") + 1
    return ("POSTCODE", 0) if _COUNTRY.fullmatch(text) else ("", 0)
