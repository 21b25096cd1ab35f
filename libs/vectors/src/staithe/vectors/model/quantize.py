"""Weights as int8: matrices per column, the word table per row, both symmetric around zero.

Integer kernels differ between processors. Before VNNI, x86 multiplies unsigned by signed bytes and adds neighbouring
products in 16 bits, saturating (VPMADDUBSW), so a document embedded on one machine and a question on another would
meet with different vectors (measured: cosine down to 0.994 between the two). `quantize_columns` chooses scales with
which no pair can saturate, so that every processor computes the same sums. That costs 0.0002 of mean cosine against
the unconstrained scale, where seven-bit weights would cost 0.0016.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_INT8_MAX: Final = np.float32(127)
"""Also the bound of a pair: |a| + |b| <= 127 before rounding is <= 128 after, and 128 * 255 fits 16 bits."""
_SCALE_MIN: Final = np.float32(1e-12)
"""The scale of an all-zero column; anything above zero keeps the division defined."""


def quantize_columns(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix (inputs, outputs) as int8 and one scale per output: weight ~ int8 * scale.

    Inputs are paired (0, 1), (2, 3), … as the kernels pair them; two weights of opposite sign cannot saturate.
    """
    largest = np.abs(weight).max(axis=0)
    largest_pair = np.abs(weight[0::2] + weight[1::2]).max(axis=0)
    scale = np.maximum(np.maximum(largest, largest_pair), _SCALE_MIN) / _INT8_MAX
    return np.rint(weight / scale).astype(np.int8), scale


def quantize_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A table (rows, columns) as int8 and one scale per row, shape (rows, 1): table ~ int8 * scale."""
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), _SCALE_MIN) / _INT8_MAX
    return np.rint(table / scale).astype(np.int8), scale
