"""The blind index: what chunk and question must agree on, and what must not be read from it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.errors import InvalidEvent
from staithe.vectors.terms import (
    QUESTION_TERMS_MAX,
    TERMS_MAX,
    blind,
    chunk_weights,
    pack,
    question_weights,
    unpack,
)
from staithe.vectors.words import meaningful_words, stem

KEY, OTHER = b"k" * 32, b"o" * 32


def no_rank(_: str) -> None:
    return None


def shared(question: str, title: str, text: str, key: bytes = KEY) -> int:
    asked, held = blind(question_weights(question, no_rank), key), blind(chunk_weights(title, text), KEY)
    return len(asked.keys() & held.keys())


@pytest.mark.parametrize(
    ("question", "text", "common"),
    [
        ("How many holidays do we get?", "The holiday is 27 days.", 1),
        ("Which policies apply?", "This policy applies.", 2),
        ("The supplier\u2019s price?", "Our suppliers priced it.", 2),
        ("Is 1,200 right?", "It is 1200.", 1),
        ("What is it?", "It is what it is.", 0),
        ("Straße 5", "in der STRASSE", 1),
    ],
)
def test_question_and_chunk_meet_in_stems(question: str, text: str, common: int) -> None:
    assert shared(question, "", text) == common


def test_title_counts_as_words_of_its_chunks() -> None:
    assert shared("leave policy", "Leave policy", "It must be given in writing.") == 2


def test_another_key_shares_nothing() -> None:
    words = " ".join(f"zq{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(50))
    assert shared(words, "", words) == 50
    assert shared(words, "", words, OTHER) == 0


def test_no_word_is_in_what_is_stored() -> None:
    packed = pack(blind(chunk_weights("Payroll", "salary salary bonus"), KEY))
    assert len(packed) == 3 * 8
    assert not any(word in packed for word in (b"salary", b"payroll", b"bonus"))


def test_word_said_often_weighs_more_but_not_without_end() -> None:
    weights = [chunk_weights("", "pump " * times + "valve " * (50 - times))["pump"] for times in (1, 2, 10, 49)]
    assert weights == sorted(weights)
    assert weights[-1] < 2.2


def test_same_word_weighs_less_in_a_longer_chunk() -> None:
    short, long = (chunk_weights("", "pump " + " ".join(f"w{n}" for n in range(size)))["pump"] for size in (10, 200))
    assert long < short


def test_rare_words_of_a_question_weigh_more() -> None:
    ranks = {"company": 150, "pump": 9_000}
    weights = question_weights("company pump zzyzx", ranks.get)
    assert weights["company"] < weights["pump"] < weights["zzyzx"]


def test_question_and_chunk_have_bounded_numbers_of_terms() -> None:
    many = " ".join(str(number) for number in range(3 * TERMS_MAX))
    assert len(chunk_weights("", many)) == TERMS_MAX
    assert len(question_weights(many, no_rank)) == QUESTION_TERMS_MAX


@given(st.dictionaries(st.integers(1, (1 << 32) - 2), st.floats(0.0625, 100, width=32), max_size=50))
def test_what_is_packed_comes_back(terms: dict[int, float]) -> None:
    assert unpack(pack(terms)) == terms


@given(st.text(max_size=300))
def test_any_text_has_terms_that_can_be_stored(text: str) -> None:
    terms = blind(chunk_weights("", text), KEY)
    assert all(0 < each < (1 << 32) - 1 for each in terms)
    assert all(math.isfinite(each) and each > 0 for each in terms.values())
    assert unpack(pack(terms)).keys() == terms.keys()
    assert all(stem(word) for word in meaningful_words(text))


@pytest.mark.parametrize(
    "packed",
    [
        b"1234567", b"\1\0\0\0\0\0\x80\x3f" * 2, b"\0\0\0\0\0\0\x80\x3f", b"\xff\xff\xff\xff\0\0\x80\x3f",
        b"\1\0\0\0\0\0\0\0", b"\1\0\0\0\0\0\x80\xbf", b"\1\0\0\0\0\0\xc0\x7f", b"\1\0\0\0\0\0\x80\x7f",
        b"\2\0\0\0\0\0\x80\x3f\1\0\0\0\0\0\x80\x3f", bytes(8) * (TERMS_MAX + 1),
    ],
    ids=["size", "twice", "zero", "beyond", "no-weight", "negative", "nan", "infinite", "falling", "too-many"],
)  # fmt: skip
def test_what_embedding_never_makes_is_refused(packed: bytes) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        unpack(packed)
    assert refusal.value.reason_code == "TERMS_MALFORMED"
