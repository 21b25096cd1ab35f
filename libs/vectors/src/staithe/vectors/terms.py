"""The blind index: what words a chunk has, as a sparse vector that names none of them.

A dimension is a keyed hash of a word's stem (HMAC-SHA256 under the tenant's term key, cut to 32 bits), so that a store
can find chunks that share a question's words without knowing one. What it does reveal to whoever reads the index:
which chunks of a tenant share a word, how often a chunk has each, and so the frequencies of words within the tenant,
from which common ones can be guessed; nothing across tenants, whose keys differ. Whoever holds the key as well can
try words. Weights are BM25's (Robertson and Zaragoza 2009) in two halves: saturation with the length of the chunk
at its writing, rarity at the question. Rarity comes from the model's vocabulary, which is ordered by frequency, and not
from the documents: so no document that a caller may not see changes what they are shown or how it is scored.
"""

import hmac
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from staithe.kernel.errors import InvalidEvent
from staithe.vectors.words import meaningful_words, stem

TERMS_MAX: Final = 1_024
"""Different words of one chunk; 4,000 characters, the longest chunk, can hold no more than 2,000, real ones have 60."""
QUESTION_TERMS_MAX: Final = 64
"""Of a question; the first ones, as the model, too, reads only its beginning."""

_SATURATION: Final = 1.2
_LENGTH_PART: Final = 0.75
"""BM25's k1 and b as they are usually set; nothing was fitted to our samples."""
_LENGTH_USUAL: Final = 70.0
"""Meaningful words of a usual chunk with its title: a constant, because a writer knows no other document."""
_RANK_COMMON: Final = 8.0
"""Zipf's law: in a chunk of the usual length the word of this rank stands more often than not."""
_RANK_UNKNOWN: Final = 30_000
"""Of a word that the vocabulary lacks: as rare as its rarest."""
_DOMAIN: Final = b"staithe/term/v1\0"
_PACKED: Final = np.dtype([("dimension", "<u4"), ("weight", "<f4")])
_DIMENSION_MAX: Final = (1 << 32) - 2
"""Milvus takes dimensions up to this; 0 is left to rows without words."""

Terms = Mapping[int, float]
"""Dimension → weight, above 0."""


def chunk_weights(title: str, text: str) -> Mapping[str, float]:
    """The weight of each stem of a chunk under its document's title."""
    counts = Counter(map(stem, [*meaningful_words(title), *meaningful_words(text)]))
    length = counts.total()
    norm = _SATURATION * (1 - _LENGTH_PART + _LENGTH_PART * length / _LENGTH_USUAL)
    return {word: count * (_SATURATION + 1) / (count + norm) for word, count in counts.most_common(TERMS_MAX)}


def question_weights(question: str, rank: Callable[[str], int | None]) -> Mapping[str, float]:
    """The weight of each stem of a question: how rare its word is; `rank` is a word's place by frequency, if known."""
    weights: dict[str, float] = {}
    for word in meaningful_words(question)[:QUESTION_TERMS_MAX]:
        known = rank(word)
        rarity = math.log1p((_RANK_UNKNOWN if known is None else known) / _RANK_COMMON)
        weights[stem(word)] = max(rarity, weights.get(stem(word), 0.0))
    return weights


def blind(weights: Mapping[str, float], key: bytes) -> Terms:
    """`weights` under keyed dimensions; of two stems with one dimension, one in four billion, the heavier stays."""
    terms: dict[int, float] = {}
    for word, weight in weights.items():
        dimension = int.from_bytes(hmac.digest(key, _DOMAIN + word.encode(), "sha256")[:4], "big")
        dimension = min(max(dimension, 1), _DIMENSION_MAX)
        terms[dimension] = max(weight, terms.get(dimension, 0.0))
    return terms


def shared_part(score: float, terms: Terms) -> float:
    """A chunk's score by words as a part of what it could be at most for the question's `terms`: 0 to 1."""
    most = (_SATURATION + 1) * sum(terms.values())
    return min(score / most, 1.0) if most > 0 else 0.0


def pack(terms: Terms) -> bytes:
    """`terms` as an event carries them: dimension (uint32) and weight (float32), little-endian, by dimension."""
    return np.array(sorted(terms.items()), _PACKED).tobytes()


def unpack(packed: bytes) -> Terms:
    """What was packed; raises InvalidEvent when it is not what `pack` makes."""
    if len(packed) % _PACKED.itemsize or len(packed) > TERMS_MAX * _PACKED.itemsize:
        raise _malformed()
    found = np.frombuffer(packed, _PACKED)
    dimensions, weights = found["dimension"].astype(np.int64), found["weight"]
    rising = bool((np.diff(dimensions, prepend=0) > 0).all()) and bool((dimensions <= _DIMENSION_MAX).all())
    if not (rising and bool(np.isfinite(weights).all()) and bool((weights > 0).all())):
        raise _malformed()
    return dict(zip(dimensions.tolist(), weights.tolist(), strict=True))


def _malformed() -> InvalidEvent:
    return InvalidEvent("a chunk's terms are not what embedding makes", reason_code="TERMS_MALFORMED")
