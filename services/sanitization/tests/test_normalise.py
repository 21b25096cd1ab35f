"""Normalisation: every invisible character goes, joiners stay only where they are read, the result is NFKC."""

import itertools
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.sanitization.normalise import normalise


def seen(text: str) -> tuple[str, int]:
    normal = normalise(text)
    return normal.text, normal.removed


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
        "\x07", "\x1b", "\x7f", "\x84", "\x9f",
    ],
)  # fmt: skip
def test_invisible_character_is_removed_and_counted(invisible: str) -> None:
    normal = normalise(f"pass{invisible}word")
    assert (normal.text, normal.folded, normal.removed) == ("password", "password", 1)


def test_no_format_character_of_unicode_stays() -> None:
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    assert len(formats) > 100
    kept = {each for each in formats if seen(f"a{each}b") != ("ab", 1)}
    assert kept <= VISIBLE_FORMAT


def test_line_feed_and_tab_stay() -> None:
    assert seen("a\n\tb") == ("a\n\tb", 0)


def test_plain_text_is_untouched() -> None:
    assert seen("Grüße aus Köln, 日本語") == ("Grüße aus Köln, 日本語", 0)


@pytest.mark.parametrize(
    "text",
    ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937", "\U0001f469\u200d\U0001f4bb"],
)
def test_joiner_stays_where_the_script_needs_it(text: str) -> None:
    assert seen(text) == (text, 0)


@pytest.mark.parametrize("joiner", sorted(JOINERS))
@pytest.mark.parametrize("text", ["a{}b", "{}a", "a{}", "a{}\u0645", "\u0645{}a", "4{}1", "\u00e9{}b"])
def test_loose_joiner_is_removed(text: str, joiner: str) -> None:
    assert seen(text.format(joiner)) == (unicodedata.normalize("NFC", text.format("")), 1)


@pytest.mark.parametrize(
    ("hidden", "read"),
    [
        ("\u24d9\u200d\u24d0\u200d\u24dd\u200d\u24d4@\u24d1.example", "jane@b.example"),
        ("\u2463\u200d\u2460\u200d\u2460\u200c\u2460", "4111"),
        ("\U0001f130\u200d\U0001f131", "AB"),
        ("\uff41\u200b\uff42", "ab"),
        ("e\u200b\u0301", "\u00e9"),
    ],
)
def test_joiner_is_judged_by_the_letters_that_are_read(hidden: str, read: str) -> None:
    assert normalise(hidden).folded == read


TEXTS = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "\u200b\u200c\u200d\u2463\u24d0\u0301\u0645ae\u00b2\u00bd\r\n\uff76\uff9e\u1100\u1161\u11a8\u0430"
        ),
    ),
    max_size=40,
)


@given(TEXTS)
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert seen(once.text) == (once.text, 0)
    assert unicodedata.is_normalized("NFC", once.text)
    assert "\r" not in once.text


@given(TEXTS)
def test_every_character_leads_back_to_where_it_came_from(text: str) -> None:
    normal = normalise(text)
    places = [normal.original_span(index, index + 1) for index in range(len(normal.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    for (_, end), (start, later) in itertools.pairwise(places):
        assert end <= start or places.count((start, later)) > 1, "only what came from one cluster shares its place"
    for character, (start, end) in zip(normal.text, places, strict=True):
        assert character in JOINERS or character in normalise(text[start:end]).text
    untouched = [index for index, (start, end) in enumerate(places) if end - start == 1]
    assert all(
        text[places[each][0]] == normal.text[each]
        or not text[places[each][0]].isascii()
        or text[places[each][0]] in "\r\x0b\x0c"
        for each in untouched
    )


@given(TEXTS)
def test_every_folded_character_leads_back_to_what_readers_see(text: str) -> None:
    normal = normalise(text)
    places = [normal.text_span(index, index + 1) for index in range(len(normal.folded))]
    assert all(0 <= start < end <= len(normal.text) for start, end in places)
    for character, (start, end) in zip(normal.folded, places, strict=True):
        assert character in normalise(normal.text[start:end]).folded


@given(TEXTS, st.data())
def test_a_span_leads_back_to_all_of_its_characters(text: str, data: st.DataObject) -> None:
    normal = normalise(text)
    if not normal.text:
        return
    start = data.draw(st.integers(0, len(normal.text) - 1))
    end = data.draw(st.integers(start + 1, len(normal.text)))
    first, last = normal.original_span(start, start + 1), normal.original_span(end - 1, end)
    assert normal.original_span(start, end) == (first[0], last[1])


@pytest.mark.parametrize("text", ["10\u00b2 m", "5\u00bd", "\u2460 first", "H\u2082O", "caf\u00b4"])
def test_what_says_something_stays_for_readers(text: str) -> None:
    assert seen(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\u0440\u0430\u0443pal", "paypal"), ("\uff14\uff11\uff11\uff11", "4111"), ("\u0664\u0661", "41"),
        ("a\u2010b\u2212c", "a-b-c"), ("a\u00a0b", "a b"), ("\U0001d5ee@\U0001d5ef", "a@b"), ("x\u2024y", "x.y"),
        ("\u0391\u039a\u0399\u0391", "AKIA"),
    ],
)  # fmt: skip
def test_look_alikes_are_folded_for_detectors_only(text: str, read: str) -> None:
    normal = normalise(text)
    assert normal.folded == read
    assert [normal.original_span(*normal.text_span(index, index + 1)) for index in range(len(text))] == [
        (index, index + 1) for index in range(len(text))
    ]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_every_line_end_is_a_line_feed(end: str) -> None:
    assert seen(f"a{end}b") == ("a\nb", 0)
    assert normalise(f"a{end}b").original_span(1, 2) == (1, 1 + len(end))
