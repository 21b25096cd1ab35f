"""Normalisation: every invisible character goes, joiners stay only where they are read, the result is NFKC."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.sanitization.normalise import normalise

JOINERS = {"\u200c", "\u200d"}
VISIBLE_FORMAT = {
    *map(chr, range(0x600, 0x606)), *map(chr, range(0x13430, 0x13456)), "\u06dd", "\u070f", "\u0890", "\u0891",
    "\u08e2", "\U000110bd", "\U000110cd",
}  # fmt: skip
"""Signs that are drawn around or above digits and letters: format characters by name, but people see them."""


@pytest.mark.parametrize(
    "invisible",
    [
        "\u00ad", "\u034f", "\u061c", "\u115f", "\u17b4", "\u180e", "\u200b", "\u200e", "\u200f", "\u202a", "\u202e",
        "\u2060", "\u2064", "\u2066", "\u2069", "\u206f", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0",
        "\ufff0", "\ufff9", "\U000e0001", "\U000e0041", "\U000e007f", "\U000e0100", "\U0001bca0", "\U0001d173", "\x00",
        "\x07", "\x1b", "\r", "\x7f", "\x85", "\x9f",
    ],
)  # fmt: skip
def test_invisible_character_is_removed_and_counted(invisible: str) -> None:
    assert normalise(f"pass{invisible}word") == ("password", 1)


def test_no_format_character_of_unicode_stays() -> None:
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    assert len(formats) > 100
    kept = {each for each in formats if normalise(f"a{each}b") != ("ab", 1)}
    assert kept <= VISIBLE_FORMAT


def test_line_feed_and_tab_stay() -> None:
    assert normalise("a\n\tb") == ("a\n\tb", 0)


def test_plain_text_is_untouched() -> None:
    assert normalise("Grüße aus Köln, 日本語") == ("Grüße aus Köln, 日本語", 0)


@pytest.mark.parametrize(
    "text",
    ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937", "\U0001f469\u200d\U0001f4bb"],
)
def test_joiner_stays_where_the_script_needs_it(text: str) -> None:
    assert normalise(text) == (text, 0)


@pytest.mark.parametrize("joiner", sorted(JOINERS))
@pytest.mark.parametrize("text", ["a{}b", "{}a", "a{}", "a{}\u0645", "\u0645{}a", "4{}1", "\u00e9{}b"])
def test_loose_joiner_is_removed(text: str, joiner: str) -> None:
    assert normalise(text.format(joiner)) == (unicodedata.normalize("NFKC", text.format("")), 1)


@pytest.mark.parametrize(
    ("hidden", "seen"),
    [
        ("\u24d9\u200d\u24d0\u200d\u24dd\u200d\u24d4@\u24d1.example", "jane@b.example"),
        ("\u2463\u200d\u2460\u200d\u2460\u200c\u2460", "4111"),
        ("\U0001f130\u200d\U0001f131", "AB"),
        ("\uff41\u200b\uff42", "ab"),
        ("e\u200b\u0301", "\u00e9"),
    ],
)
def test_joiner_is_judged_by_the_letters_that_are_read(hidden: str, seen: str) -> None:
    assert normalise(hidden)[0] == seen


@given(
    st.text(
        alphabet=st.one_of(st.characters(), st.sampled_from("\u200b\u200c\u200d\u2463\u24d0\u0301\u0645ae")),
        max_size=40,
    )
)
def test_normalising_again_changes_nothing(text: str) -> None:
    once, _ = normalise(text)
    assert normalise(once) == (once, 0)
    assert unicodedata.is_normalized("NFKC", once)
