"""Encodes only as much of a text as the model reads: a question may ramble, the encoder refuses what is too long."""

from itertools import takewhile
from typing import Final

from staithe.query.ports import Vector
from staithe.vectors.model.encoder import Encoder
from staithe.vectors.model.pins import CONTENT_TOKENS_MAX

_CHARACTERS_SAFE: Final = CONTENT_TOKENS_MAX
"""A token has at least one character, so a text this short always fits."""


class ClippingEncoder:
    """The encoder, for texts of any length: the beginning of a long one stands for it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def model_digest(self) -> bytes:
        return self._encoder.model_digest

    def encode(self, text: str) -> Vector:
        """float32[384] of unit norm; raises InvalidEvent when the text is not Unicode."""
        return self._encoder.encode(text if len(text) <= _CHARACTERS_SAFE else self._clip(text))

    def count_tokens(self, text: str) -> int:
        """The tokens of all of `text`; raises InvalidEvent when it is not Unicode."""
        return int(self._encoder.tokenizer.words(text).tokens.sum())

    def _clip(self, text: str) -> str:
        words = self._encoder.tokenizer.words(text)
        fitting = sum(1 for _ in takewhile(lambda total: total <= CONTENT_TOKENS_MAX, words.tokens.cumsum()))
        return text if fitting == len(words.starts) else text[: int(words.starts[fitting])]
