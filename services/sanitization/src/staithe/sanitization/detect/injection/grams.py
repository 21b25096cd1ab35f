"""Rows of a text's word pairs and triples in the table of weights, for whole blocks at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 1 << 16
GRAMS: Final = 4
"""A word, with its next, with its next two, and with the next but one."""

_PAIR: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SKIP: Final = np.uint64(0x165667B19E3779F9)
_SHIFT: Final = np.uint64(48)


def rows_of(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each word the rows of the GRAMS that start with it; beyond the last word there is nothing."""
    following = np.concatenate([hashes[1:], np.zeros(2, np.uint64)])
    then = following[1:]
    following = following[: len(hashes)]
    then = then[: len(hashes)]
    pair = (hashes ^ _PAIR) * _PAIR + following
    triple = (pair ^ _PAIR) * _PAIR + then
    skip = (hashes ^ _SKIP) * _SKIP + then
    rows = np.stack([hashes * _PAIR, pair * _PAIR, triple * _PAIR, skip * _PAIR])
    return (rows >> _SHIFT).astype(np.int64)
