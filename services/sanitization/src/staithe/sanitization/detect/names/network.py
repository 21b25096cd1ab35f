"""The network that names each token: embeddings of its features, two convolutions over its neighbours, one label.

Everything is numpy: for so small a network a runtime of its own would cost more than it brings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from staithe.sanitization.detect.names.tokens import TABLES, Alphabet, Lexicon

LABELS: Final = ("O", "B-PERSON", "I-PERSON", "B-LOCATION", "I-LOCATION", "B-ORGANIZATION", "I-ORGANIZATION",
                 "B-ADDRESS", "I-ADDRESS")  # fmt: skip
REACH_FIRST: Final = 3
REACH_SECOND: Final = 2
"""Neighbours on each side that the first and the second convolution read: 5 tokens in all."""
REACH: Final = REACH_FIRST + REACH_SECOND

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """The weights. One instance serves many threads: nothing changes after loading."""

    alphabet: Alphabet
    lexicon: Lexicon
    embeddings: tuple[Floats, ...]
    """One table a feature; a token's vector is the sum of its features' rows."""
    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    out: Floats
    out_bias: Floats

    def probabilities(self, features: NDArray[np.int32]) -> Floats:
        """For each token the probability of each of LABELS; beyond the ends of the block there is nothing."""
        hidden = _relu(_windows(self.embed(features), REACH_FIRST) @ self.first + self.first_bias)
        hidden = _relu(_windows(hidden, REACH_SECOND) @ self.second + self.second_bias)
        scores = hidden @ self.out + self.out_bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        normal: Floats = scores / scores.sum(axis=1, keepdims=True)
        return normal

    def embed(self, features: NDArray[np.int32]) -> Floats:
        """The sum of each token's feature rows."""
        total: Floats = self.embeddings[0].take(features[0], axis=0)
        for table, rows in zip(self.embeddings[1:], features[1:], strict=True):
            total += table.take(rows, axis=0)
        return total


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0, out=values)


def _windows(rows: Floats, reach: int) -> Floats:
    """Each row with `reach` rows on both sides, end to end; zeros beyond the ends."""
    count, width = rows.shape
    padded = np.zeros((count + 2 * reach, width), np.float32)
    padded[reach : reach + count] = rows
    step = padded.itemsize
    shape, strides = (count, (2 * reach + 1) * width), (width * step, step)
    return np.ascontiguousarray(as_strided(padded, shape, strides, writeable=False))


def unpack(arrays: Mapping[str, NDArray[Any]]) -> Network:
    """The network in the arrays that `pack` made."""
    return Network(
        Alphabet(arrays["classes"].astype(np.uint8), arrays["folded"].astype(np.uint16)),
        Lexicon(arrays["hashes"].astype(np.uint32), arrays["bits"].astype(np.uint16)),
        tuple(
            arrays[f"table{index}"].astype(np.float32) * arrays["scales"].astype(np.float32)[index]
            for index in range(len(TABLES))
        ),
        *(arrays[name].astype(np.float32) for name in ("first", "first_bias", "second", "second_bias")),
        *(arrays[name].astype(np.float32) for name in ("out", "out_bias")),
    )


def pack(network: Network) -> dict[str, NDArray[Any]]:
    """The arrays of a model file: tables in 8 bits with one scale each, the rest in 16-bit floats."""
    scales = np.array([np.abs(table).max() / 127 or 1 for table in network.embeddings], np.float32)
    tables = {
        f"table{index}": np.rint(table / scales[index]).astype(np.int8)
        for index, table in enumerate(network.embeddings)
    }
    small = {
        name: getattr(network, name).astype(np.float16)
        for name in ("first", "first_bias", "second", "second_bias", "out", "out_bias")
    }
    return {
        "classes": network.alphabet.classes, "folded": network.alphabet.folded, "hashes": network.lexicon.hashes,
        "bits": network.lexicon.bits, "scales": scales, **tables, **small,
    }  # fmt: skip
