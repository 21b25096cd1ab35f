"""Sentences, word overlap and the choice of quotations."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.content import Readable
from staithe.query import lexical
from staithe.query.answer import Passage, candidates, compose, shortlist
from staithe.query.expected import expected
from staithe.query.limits import (
    QUESTION_CHARACTERS_MAX,
    SENTENCE_CHARACTERS_MAX,
    SENTENCES_CITED_MAX,
    SENTENCES_ENCODED_MAX,
)
from staithe.query.sentences import split_sentences


def quotes(text: str) -> list[str]:
    return [text[each.start : each.end] for each in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there! Three?", ["One here.", "Two there!", "Three?"]),
        ("Pay Dr. Smith of Oak Ltd. by 3.5 per cent, e.g. Monday. Then J. Doe.", [
            "Pay Dr. Smith of Oak Ltd. by 3.5 per cent, e.g. Monday.", "Then J. Doe.",
        ]),
        ("- first item\n- second item. With more.\n1. third", ["first item", "second item.", "With more.", "third"]),
        ("# Leave\n\nWe have 27 days.", ["We have 27 days."]),
        ("WHAT WE SHOW\nTables and desks.", ["Tables and desks."]),
        ("part: SP-1\nprice: 9.80\n\npart: SP-2\nprice: 7.40", ["part: SP-1\nprice: 9.80", "part: SP-2\nprice: 7.40"]),
        ("The load was promised for the 25th of March and will now\nleave on 7 April.", [
            "The load was promised for the 25th of March and will now\nleave on 7 April.",
        ]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("a,b,cde,fgh\nx,y,zzz,www", ["a,b,cde,fgh", "x,y,zzz,www"]),
        ("", []), ("\n\n---\n", []),
    ],
)  # fmt: skip
def test_text_splits_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert quotes(text) == expected


def test_heading_and_header_row_go_along_as_context() -> None:
    assert [each.context for each in split_sentences("## Leave\n\nWe have 27 days.")] == ["Leave"]
    assert split_sentences("| item | price |\n| leg | 118 |")[1].context == "| item | price |"


@given(st.text(alphabet="aB1 .!?\n\t-#|,:;()\"'é\u2019\U0001f600", max_size=400))
def test_sentences_are_in_order_apart_and_short(text: str) -> None:
    end = 0
    for each in split_sentences(text):
        assert end <= each.start < each.end <= len(text)
        assert each.end - each.start <= SENTENCE_CHARACTERS_MAX
        end = each.end


@pytest.mark.parametrize("piece", ["a", ". ", "- ", "a: b\n", ",1", "A. ", "| ", "\n", "#", " ", "1."])
def test_splitting_stays_linear_on_hostile_text(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begin = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize(("one", "other"), [("policies", "policy"), ("tables", "table"), ("delivered", "deliver")])
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert lexical.content_words(one) == lexical.content_words(other)


def test_thousands_separators_do_not_matter() -> None:
    assert lexical.content_words("2,140") == lexical.content_words("2140")


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("How much do we pay for a desk?", "It is £118 a piece.", "It is 118 centimetres wide."),
        ("What allowance is paid for the internet?", "We add 18 pence a mile.", "We pay it monthly."),
        ("Which share was sent back?", "That was 3.9 per cent.", "That was 39 pieces."),
        ("How much paid holiday do I get per year?", "You have 27 days.", "A night costs £115."),
        ("How long is the notice?", "You have three months.", "You have to write."),
        ("How soon must I tell someone?", "Within an hour.", "At once."),
        ("When does the contract end?", "It ends on 30 April 2054.", "It ends with the lease."),
        ("At what time does the copy leave?", "It leaves at 02:15.", "It leaves at night."),
        ("To what pressure is it filled?", "Fill to 95 bar.", "Fill it slowly."),
        ("How many people came?", "264 members were there.", "Many members were there."),
    ],
)
def test_sentence_that_holds_what_is_asked_for_is_recognised(question: str, holds: str, lacks: str) -> None:
    wanted = expected(question)
    assert wanted is not None
    assert wanted.search(holds)
    assert not wanted.search(lacks)


def test_question_without_a_kind_expects_nothing() -> None:
    assert expected("Who runs the office?") is None


@pytest.mark.parametrize("piece", ["how much ", "1", "a ", "what ", "one hundred "])
def test_looking_for_a_kind_stays_linear_on_hostile_text(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begin = time.perf_counter()
    wanted = expected(text[:QUESTION_CHARACTERS_MAX])
    if wanted is not None:
        wanted.search(text)
    assert time.perf_counter() - begin < 10


def answer_of(new_world: Any, question: str, texts: list[str], score: float = 0.6) -> Any:
    world = new_world()
    passages = [
        Passage(
            world.make_chunk(text, current=world.make_current(f"d{number}")),
            Readable("name.md", "Title", text),
            100,
            text,
            ((100, 100 + len(text), score),),
        )
        for number, text in enumerate(texts)
    ]
    vector = world.encoder.encode(question)
    ranked = candidates(question, passages)
    listed = shortlist(vector, ranked, [world.encoder.encode(each.quote) for each in ranked])
    world.close()
    return compose(vector, listed, [world.encoder.encode(each.candidate.context_text) for each in listed]), ranked


def test_quotation_stands_where_its_span_says(new_world: Any) -> None:
    text = "Nothing of interest. Paid leave is 27 days. The end of it."
    answer, _ = answer_of(new_world, "how many days paid leave", [text])
    first = answer.citations[0]
    assert first.quote == "Paid leave is 27 days."
    assert text[first.start - 100 : first.end - 100] == first.quote


def test_no_passages_give_no_answer(new_world: Any) -> None:
    answer, _ = answer_of(new_world, "anything", [])
    assert (answer.answered, answer.citations, answer.support) == (False, (), 0.0)


def test_poor_passages_give_no_answer(new_world: Any) -> None:
    answer, _ = answer_of(new_world, "colour of zebras", ["Paid leave is 27 days."], score=0.1)
    assert not answer.answered
    assert answer.citations == ()


def test_copies_of_a_sentence_are_cited_once(new_world: Any) -> None:
    answer, _ = answer_of(new_world, "how many days paid leave", ["Paid leave is 27 days."] * 4)
    assert len(answer.citations) == 1


def test_work_is_bounded_however_long_the_passages(new_world: Any) -> None:
    answer, ranked = answer_of(new_world, "paid leave", [" ".join(f"Paid leave number {n} is so." for n in range(500))])
    assert len(ranked) == SENTENCES_ENCODED_MAX
    assert len(answer.citations) <= SENTENCES_CITED_MAX


def test_sentence_that_asks_does_not_answer(new_world: Any) -> None:
    text = "How many days paid leave do we have? Paid leave is 27 days."
    answer, _ = answer_of(new_world, "How many days paid leave do we have?", [text])
    assert answer.citations[0].quote == "Paid leave is 27 days."


def test_markup_of_a_quotation_is_not_shown_but_kept(new_world: Any) -> None:
    answer, _ = answer_of(new_world, "paid leave days", ["Paid leave is **27 days** now."])
    assert answer.citations[0].quote == "Paid leave is **27 days** now."
    assert answer.text == "Paid leave is 27 days now."


def test_sentence_counts_with_its_own_chunk_and_not_with_its_neighbours(new_world: Any) -> None:
    near, far = "Paid leave is 27 days a year.", "Paid leave is 29 days a year."
    world = new_world()
    chunk = world.make_chunk(f"{far} {near}", current=world.make_current())
    passage = Passage(
        chunk,
        Readable("n", "T", f"{far} {near}"),
        0,
        f"{far} {near}",
        ((0, len(far), 0.3), (len(far), len(far) + 1 + len(near), 0.9)),
    )
    first, second = candidates("paid leave days", [passage])
    world.close()
    assert (first.quote, second.quote) == (near, far)
    assert (first.chunk_score, second.chunk_score) == (0.9, 0.3)
