"""The model's tokenizer (WordPiece, BERT uncased): text to token ids, and where the words of a long text begin."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from staithe.kernel.errors import InvalidEvent
from staithe.vectors.model.pins import TOKENS_MAX, WORD_TOKENS_MAX

_WINDOW_CHARACTERS: Final = 32 * 1024
"""A token costs the tokenizer about half a kilobyte while it works: a window keeps that under 20 MB."""

_NO_WORDS: Final = np.zeros(0, np.int64)

_BEFORE_WORDS: Final = 1_995
"""Ids of BERT's vocabulary up to its first word, "the": control tokens, unused ones and single characters."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_SAFE_CUT: Final = re.compile(r".*[ \t\r\n!-/:-@\[-`{-~\u3000-\u3003\u4e00-\u9fff]", re.DOTALL)
"""Up to the last character behind which a word always ends: white space, punctuation, Chinese characters."""
_SAFE_CUT_CHARACTERS: Final = 2 * WORD_TOKENS_MAX
"""How far back from a window's end to look for such a character."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text, in order: the character each begins at, strictly rising, and its number of tokens.

    What lies between the end of a word and the next (white space, characters the model ignores) costs no tokens.
    """

    starts: NDArray[np.int64]
    tokens: NDArray[np.int64]


class TextTokenizer:
    """The tokenizer with its stored truncation and padding switched off; may be called from several threads.

    Control tokens spelt out in a text ("[SEP]") are ordinary characters: a document cannot speak to the model.
    """

    def __init__(self, tokenizer_json: bytes) -> None:
        self._tokenizer = Tokenizer.from_buffer(tokenizer_json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True

    def ids(self, text: str) -> list[int]:
        """The token ids of a text with [CLS] and [SEP] around them, at most TOKENS_MAX.

        Raises InvalidEvent when the text is longer (nothing is ever cut off unseen) or has lone surrogates.
        """
        if len(text) > _WINDOW_CHARACTERS:
            raise _too_long()
        ids = self._encode(text, framed=True).ids
        if len(ids) > TOKENS_MAX:
            raise _too_long()
        return list(ids)

    def words(self, text: str) -> Words:
        """Where the words of a text of any length begin and what they cost, each character tokenized once.

        A text cut at these places has at most the tokens told here on either side; exactly these, except in a run of
        more than 200 characters without white space or punctuation. Raises InvalidEvent on lone surrogates.
        """
        starts, tokens = [_NO_WORDS], [_NO_WORDS]
        begin, inside_word = 0, False
        while begin < len(text):
            end, ends_word = _window_end(text, begin)
            words = _words_of(self._encode(text[begin:end], framed=False))
            if inside_word:
                # The window before ended inside a word, so neither half tells what the whole word costs.
                words.tokens[:1] = WORD_TOKENS_MAX
            starts.append(words.starts + begin)
            tokens.append(words.tokens)
            inside_word = not ends_word or (inside_word and len(words.starts) == 0)
            begin = end
        return Words(np.concatenate(starts), np.concatenate(tokens))

    def rank(self, word: str) -> int | None:
        """A word's place in the vocabulary, which is ordered by frequency, from 1; None: the vocabulary lacks it."""
        found = self._tokenizer.token_to_id(word)
        return None if found is None else max(found - _BEFORE_WORDS, 1)

    def _encode(self, text: str, *, framed: bool) -> Encoding:
        if _SURROGATE.search(text):
            raise InvalidEvent("the text has lone surrogates, it is not Unicode", reason_code="TEXT_NOT_UNICODE")
        return self._tokenizer.encode(text, add_special_tokens=framed)


def _too_long() -> InvalidEvent:
    return InvalidEvent(
        f"the text has more than the {TOKENS_MAX} tokens the model reads: send it in chunks",
        reason_code="TEXT_TOO_LONG",
    )


def _window_end(text: str, begin: int) -> tuple[int, bool]:
    """The end of the window from `begin`, and whether a word surely ends there."""
    end = begin + _WINDOW_CHARACTERS
    if end >= len(text):
        return len(text), True
    found = _SAFE_CUT.match(text, end - _SAFE_CUT_CHARACTERS, end)
    return (found.end(), True) if found else (end, False)


def _words_of(encoding: Encoding) -> Words:
    """Words that share their first character (one character may become several words) are one."""
    count = len(encoding.ids)
    if count == 0:
        return Words(_NO_WORDS, _NO_WORDS)
    begins = np.fromiter((begin for begin, _ in encoding.offsets), np.int64, count)
    word_ids = np.array(encoding.word_ids, np.int64)
    begins = np.maximum.accumulate(begins)
    first = np.flatnonzero((np.diff(word_ids, prepend=-1) != 0) & (np.diff(begins, prepend=-1) != 0))
    return Words(begins[first], np.diff(first, append=count))
