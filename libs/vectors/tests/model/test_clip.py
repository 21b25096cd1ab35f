"""What the model reads: clipped between words, the chunk whole under its title."""

import random

import pytest

from staithe.kernel.errors import InvalidEvent
from staithe.vectors.chunks import ChunkLimits, chunk_text
from staithe.vectors.clip import CHUNK_TOKENS_MAX, TITLE_TOKENS_MAX, clip, under_title
from staithe.vectors.model import CONTENT_TOKENS_MAX, Encoder, TextTokenizer

LETTERS = "abcé ß漢字—-.\n\t[SEP] \u0301\u00adXyz0,9'\u202e"


@pytest.fixture(scope="module")
def tokenizer(encoder: Encoder) -> TextTokenizer:
    return encoder.tokenizer


def _tokens(tokenizer: TextTokenizer, text: str) -> int:
    return int(tokenizer.words(text).tokens.sum())


def test_text_that_fits_is_untouched(tokenizer: TextTokenizer) -> None:
    for text in ("", "oak", " oak \n", "oak " * CONTENT_TOKENS_MAX):
        assert clip(text, tokenizer) == text


def test_clip_cuts_between_words_at_the_limit(tokenizer: TextTokenizer) -> None:
    assert clip("oak " * 1000, tokenizer) == "oak " * CONTENT_TOKENS_MAX
    assert clip("dovetailing " * 20, tokenizer, 10).strip().endswith("dovetailing")
    assert _tokens(tokenizer, clip("dovetailing " * 20, tokenizer, 10)) <= 10


def test_clip_refuses_text_that_is_not_unicode(tokenizer: TextTokenizer) -> None:
    with pytest.raises(InvalidEvent):
        clip("\ud800" * 300, tokenizer)


def test_title_stands_in_front_of_the_chunk(tokenizer: TextTokenizer) -> None:
    assert under_title("Leave policy", "Ask in writing.", tokenizer) == "Leave policy\nAsk in writing."


def test_absent_title_leaves_no_empty_line(tokenizer: TextTokenizer) -> None:
    assert under_title(" \n", "Ask in writing.", tokenizer) == "Ask in writing."


def test_long_title_never_takes_a_chunks_place(tokenizer: TextTokenizer) -> None:
    chunk = "pine " * CHUNK_TOKENS_MAX
    for title in ("oak " * 200, "x" * 512, "a-" * 256, "漢" * 512):
        read = under_title(title, chunk, tokenizer)
        assert read.endswith(chunk)
        assert _tokens(tokenizer, read) <= TITLE_TOKENS_MAX + CHUNK_TOKENS_MAX


def test_chunk_larger_than_its_room_is_refused_not_cut_unseen(encoder: Encoder, tokenizer: TextTokenizer) -> None:
    read = under_title("Leave policy", "pine " * CONTENT_TOKENS_MAX, tokenizer)
    assert read.startswith("Leave policy\npine pine")
    with pytest.raises(InvalidEvent):
        encoder.encode(read)


def test_every_default_chunk_fits_the_model_whole_under_any_title(encoder: Encoder, tokenizer: TextTokenizer) -> None:
    rng = random.Random(7)  # noqa: S311 - repeatable texts, no secrets
    for _ in range(60):
        text = "".join(rng.choice(LETTERS) for _ in range(rng.randrange(20, 4000)))
        title = "".join(rng.choice(LETTERS) for _ in range(rng.randrange(512)))
        for chunk in chunk_text(text, tokenizer, ChunkLimits()):
            read = under_title(title, chunk.text, tokenizer)
            assert read.endswith(chunk.text)
            encoder.tokenizer.ids(read)
