import itertools
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.chunks import Chunk, ChunkLimits, chunk_id, chunk_text
from staithe.vectors.model import CONTENT_TOKENS_MAX, Encoder, TextTokenizer

DEFAULT = ChunkLimits()
SMALL = ChunkLimits(tokens_target=100, tokens_max=110, tokens_overlap=16, characters_max=300)

_pieces = st.one_of(
    st.sampled_from(["\n", "\n\n", ". ", "! ", " ", "\t", "—", "。", "中", "あ", "[SEP]"]),
    st.sampled_from(["\x00", "\u0301", "\u200b", "\ufeff"]),
    st.text(min_size=1, max_size=12),
    st.integers(1, 400).map(lambda count: "x" * count),
    st.integers(1, 60).map(lambda count: "Oak is hard. " * count),
    st.integers(1, 400).map(lambda count: "\u0301" * count),
    st.integers(1, 400).map(lambda count: " " * count),
    st.integers(1, 60).map(lambda count: "a\u0301\x00" * count),
    st.integers(1, 200).map(lambda count: "中文" * count),
)
_texts = st.lists(_pieces, max_size=40).map("".join)
_several = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def tokenizer(encoder: Encoder) -> TextTokenizer:
    return encoder.tokenizer


def _tokens(tokenizer: TextTokenizer, text: str) -> int:
    return len(tokenizer.ids(text)) - 2


def _assert_sound(text: str, chunks: list[Chunk], tokenizer: TextTokenizer, limits: ChunkLimits) -> None:
    covered = bytearray(len(text))
    for ordinal, chunk in enumerate(chunks):
        assert chunk.ordinal == ordinal
        assert chunk.text == text[chunk.span_start : chunk.span_end]
        assert chunk.text == chunk.text.strip() != ""
        assert len(chunk.text) <= limits.characters_max
        assert _tokens(tokenizer, chunk.text) <= limits.tokens_max
        covered[chunk.span_start : chunk.span_end] = b"\x01" * len(chunk.text)
    assert all(seen or character.isspace() for seen, character in zip(covered, text, strict=True))
    for before, after in itertools.pairwise(chunks):
        assert before.span_start < after.span_start
        assert before.span_end < after.span_end


@_several
@given(_texts)
def test_chunks_cover_the_text_within_limits(tokenizer: TextTokenizer, text: str) -> None:
    for limits in (DEFAULT, SMALL):
        _assert_sound(text, chunk_text(text, tokenizer, limits), tokenizer, limits)


@_several
@given(_texts)
def test_chunking_is_deterministic(tokenizer: TextTokenizer, text: str) -> None:
    assert chunk_text(text, tokenizer, SMALL) == chunk_text(text, tokenizer, SMALL)


@_several
@given(_texts)
def test_words_rise_and_never_cost_less_than_the_model_counts(tokenizer: TextTokenizer, text: str) -> None:
    words = tokenizer.words(text)
    assert all(before < after for before, after in itertools.pairwise(words.starts.tolist()))
    total = len(tokenizer._encode(text, framed=False).ids)
    assert int(words.tokens.sum()) == total


_HOSTILE_UNITS = ["x", "中文", "あ", "\U0001f600", "\x00", ".", ".'", "a\u2014", "ab\u200b", "\u0301", "oak. ", "\n a"]


@pytest.mark.parametrize("unit", [*_HOSTILE_UNITS, "a" + "\u0301" * 50, "x" * 120 + " "])
def test_hostile_half_megabyte_is_chunked_soundly_in_linear_time(tokenizer: TextTokenizer, unit: str) -> None:
    text = (unit * (512 * 1024))[: 512 * 1024]
    begin = time.process_time()
    chunks = chunk_text(text, tokenizer, DEFAULT)
    assert time.process_time() - begin < 20
    _assert_sound(text, chunks, tokenizer, DEFAULT)
    assert sum(len(chunk.text) for chunk in chunks) <= 1.5 * len(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n", "\u3000" * 5000])
def test_text_of_white_space_has_no_chunks(tokenizer: TextTokenizer, text: str) -> None:
    assert chunk_text(text, tokenizer, DEFAULT) == []


def test_short_text_is_one_chunk_without_its_outer_white_space(tokenizer: TextTokenizer) -> None:
    assert chunk_text("\n  Oiled oak. \n", tokenizer, DEFAULT) == [Chunk(0, 3, 13, "Oiled oak.")]


def test_paragraph_is_preferred_to_line_and_line_to_sentence(tokenizer: TextTokenizer) -> None:
    sentence = "The oak is dried for two years. "
    for separator in ("\n\n", "\n"):
        text = sentence * 18 + separator + sentence * 7 + ("\n" if separator == "\n\n" else "") + sentence * 40
        first = chunk_text(text, tokenizer, DEFAULT)[0]
        assert first.text == (sentence * 18).strip()


def test_without_lines_a_chunk_ends_with_a_sentence(tokenizer: TextTokenizer) -> None:
    chunks = chunk_text("The oak is dried for two years. " * 200, tokenizer, DEFAULT)
    assert all(chunk.text.startswith("The") and chunk.text.endswith("years.") for chunk in chunks)


def test_overlap_repeats_the_end_of_the_chunk_before(tokenizer: TextTokenizer) -> None:
    chunks = chunk_text("oak " * 1000, tokenizer, DEFAULT)
    for before, after in itertools.pairwise(chunks):
        assert _tokens(tokenizer, "oak " * ((before.span_end - after.span_start) // 4)) in range(30, 33)


def test_no_overlap_when_none_is_asked_for(tokenizer: TextTokenizer) -> None:
    chunks = chunk_text("oak " * 1000, tokenizer, ChunkLimits(tokens_overlap=0))
    assert all(before.span_end < after.span_start for before, after in itertools.pairwise(chunks))


def test_window_border_inside_a_word_keeps_chunks_within_limits(tokenizer: TextTokenizer) -> None:
    text = "oak — " * 40 + "ab—" * 60_000
    _assert_sound(text, chunk_text(text, tokenizer, DEFAULT), tokenizer, DEFAULT)


def test_word_cut_by_a_window_border_is_charged_what_a_word_can_cost(tokenizer: TextTokenizer) -> None:
    assert tokenizer.words("xy" + "abc—" * 10_000).tokens.tolist().count(100) == 1
    assert tokenizer.words("xy" + "abc. " * 10_000).tokens.tolist().count(100) == 0


@pytest.mark.parametrize("text", ["a\ud800", "\udfff" * 10, "oak " * 100_000 + "\ud83d"])
def test_lone_surrogate_is_refused(tokenizer: TextTokenizer, text: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        chunk_text(text, tokenizer, DEFAULT)
    assert caught.value.reason_code == "TEXT_NOT_UNICODE"


def test_text_beyond_the_limit_is_refused(tokenizer: TextTokenizer) -> None:
    with pytest.raises(InvalidEvent) as caught:
        chunk_text("a" * (512 * 1024 + 1), tokenizer, DEFAULT)
    assert caught.value.reason_code == "TEXT_TOO_LONG"


@pytest.mark.parametrize(
    "fields",
    [
        {"tokens_target": 99},
        {"tokens_target": 220, "tokens_max": 210},
        {"tokens_max": CONTENT_TOKENS_MAX + 1},
        {"tokens_overlap": -1},
        {"tokens_overlap": 51},
        {"characters_max": 199},
    ],
)
def test_contradicting_limits_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        ChunkLimits(**fields)


def test_chunk_id_is_stable() -> None:
    expected = "a06ae133be665a81cc6bc670335b4de95ae25c57d9bdd7f3d6d80071f80680de"
    assert chunk_id(TenantId("harbour"), DocumentId("handbook"), 3, 0) == expected


@given(
    st.tuples(st.text(max_size=8), st.text(max_size=8), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.text(max_size=8), st.text(max_size=8), st.integers(0, 9), st.integers(0, 9)),
)
def test_different_chunks_have_different_ids(left: tuple[str, str, int, int], right: tuple[str, str, int, int]) -> None:
    names = [chunk_id(TenantId(tenant), DocumentId(document), *rest) for tenant, document, *rest in (left, right)]
    assert (names[0] == names[1]) == (left == right)


def test_moving_a_character_between_fields_changes_the_id() -> None:
    assert chunk_id(TenantId("ab"), DocumentId("c"), 1, 1) != chunk_id(TenantId("a"), DocumentId("bc"), 1, 1)


@pytest.mark.parametrize(("version", "ordinal"), [(-1, 0), (0, -1), (2**64, 0)])
def test_numbers_out_of_range_have_no_chunk_id(version: int, ordinal: int) -> None:
    with pytest.raises(OverflowError):
        chunk_id(TenantId("a"), DocumentId("b"), version, ordinal)
