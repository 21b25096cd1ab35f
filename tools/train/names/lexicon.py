"""The model's alphabet and lexicon: classes and folded forms of characters, and where a word is known from."""

import re
import sys
import unicodedata
from collections import defaultdict

import numpy as np
from fillers import WORDS
from lists import Lists

from staithe.sanitization.detect.names.tokens import (
    DIGIT,
    IDEOGRAPH,
    LETTER,
    LOWER,
    NEWLINE,
    PLANE,
    SIGN,
    SPACE,
    UPPER,
    Alphabet,
    Lexicon,
    hash_word,
)  # fmt: skip

FIRST, LAST, CITY, COUNTRY, COMPANY, TITLE, COMMON, STREET, NATION, CALENDAR = 1, 2, 4, 8, 16, 32, 64, 256, 512, 1024
"""Bits of the lexicon. COMMON counts to three in two bits: the commoner, the higher."""
COMMON_RANKS = (1_500, 8_000, 25_000)
COMMON_RANKS_ABROAD = (1_000, 5_000, 12_000)
SURNAMES_MAX = 25_000
CITIES_MAX = 22_000


def alphabet() -> Alphabet:
    """Classes and folded forms by this Python's Unicode database."""
    classes, folded = np.zeros(PLANE, np.uint8), np.zeros(PLANE, np.uint16)
    for code in range(PLANE):
        character = chr(code)
        classes[code] = _class(character)
        lower = unicodedata.normalize("NFKD", character.lower())[:1] or character
        folded[code] = ord(lower) if ord(lower) < PLANE else code
    classes[PLANE - 1] = SIGN
    return Alphabet(classes, folded)


def _class(character: str) -> int:
    category = unicodedata.category(character)
    if character in "\n\r\u2028\u2029":
        return NEWLINE
    if category in ("Lu", "Lt"):
        return UPPER
    if category == "Ll":
        return LOWER
    if category[0] in "LM":
        name = unicodedata.name(character, "")
        return IDEOGRAPH if re.match("CJK|HIRAGANA|KATAKANA", name) else LETTER
    if category[0] == "N":
        return DIGIT
    return SPACE if category == "Zs" or (category[0] == "C" and character != "\t") else SIGN


def lexicon(lists: Lists, letters: Alphabet) -> Lexicon:
    """Every word of the lists that is worth its six bytes."""
    bits: dict[str, int] = defaultdict(int)

    def know(phrases: list[str] | tuple[str, ...] | set[str], bit: int) -> None:
        for phrase in phrases:
            for word in re.findall(r"[^\W\d_]{2,}", phrase):
                bits[word.lower()] |= bit

    for locale in lists.first:
        know(lists.first[locale], FIRST)
        know(lists.last[locale], LAST)
    know(lists.census[:SURNAMES_MAX], LAST)
    know(lists.cities[:CITIES_MAX], CITY)
    know([*lists.countries, *lists.regions, *WORDS["lands"]], COUNTRY)
    know([*lists.company_suffixes, *WORDS["suffixes"], *WORDS["trades"]], COMPANY)
    know(WORDS["titles"], TITLE)
    know([*WORDS["departments"], *lists.jobs], 0)
    know([re.sub(r"\{\w+\}", " ", street) for street in WORDS["streets"]] + list(WORDS["english_streets"]), STREET)
    know([*WORDS["nationalities"], *lists.languages], NATION)
    know(lists.months, CALENDAR)
    for language, words in lists.common.items():
        ranks = COMMON_RANKS if language == "en" else COMMON_RANKS_ABROAD
        for rank, word in enumerate(words[: ranks[-1]]):
            level = sum(rank < bound for bound in ranks)
            known = bits[word.lower()]
            bits[word.lower()] = max(known & 3 * COMMON, level * COMMON) | (known & ~(3 * COMMON))
    table = {hash_word(word, letters) >> 32: value for word, value in bits.items() if value}
    hashes = np.array(sorted(table), np.uint32)
    sys.stdout.write(f"· lexicon: {len(hashes)} words\n")
    return Lexicon(hashes, np.array([table[int(each)] for each in hashes], np.uint16))
