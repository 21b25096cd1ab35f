"""A linear model of what orders to a language model sound like: the sum of weights of word groups in a window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from staithe.sanitization.detect.blocks import blocks
from staithe.sanitization.detect.injection.grams import rows_of
from staithe.sanitization.detect.names.tokens import Alphabet, words_of

WINDOWS: Final = (10, 24, 48)
"""Words at a time: a phrase, a sentence, a paragraph. Orders hide among other text, so the loudest window counts."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights of word groups. One instance serves many threads."""

    alphabet: Alphabet
    weights: NDArray[np.float32]
    bias: float

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "LinearModel":
        """The model in the arrays of its file: weights in 8 bits with one scale."""
        alphabet = Alphabet(arrays["classes"].astype(np.uint8), arrays["folded"].astype(np.uint16))
        return cls(alphabet, arrays["weights"].astype(np.float32) * np.float32(arrays["scale"]), float(arrays["bias"]))

    def windows(self, text: str, probability_min: float) -> Iterator[tuple[int, int, float]]:
        """Windows (start and end in characters, probability) that are at least that likely, the best of each place."""
        for start, end in blocks(text):
            words = words_of(text[start:end], self.alphabet)
            if not len(words.hashes):
                continue
            sums = np.concatenate([[0.0], np.cumsum(self.weights[rows_of(words.hashes)].sum(axis=0), dtype=np.float64)])
            for size in {min(size, len(words.hashes)) for size in WINDOWS}:
                scores = sums[size:] - sums[:-size] + self.bias
                for first in _peaks(scores, _logit(probability_min), size):
                    last = words.ends[first + size - 1]
                    yield start + int(words.starts[first]), start + int(last), 1 / (1 + float(np.exp(-scores[first])))


def _peaks(scores: NDArray[np.float64], least: float, size: int) -> Iterator[int]:
    """Places of the highest scores above `least`, one in every stretch of `size`."""
    above = np.flatnonzero(scores >= least)
    if len(above):
        stretches = np.split(above, np.flatnonzero(np.diff(above // size)) + 1)
        yield from (int(stretch[scores[stretch].argmax()]) for stretch in stretches)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
