"""From each token's probabilities to spans with a score. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from staithe.sanitization.detect.names.network import Floats
from staithe.sanitization.detect.names.tokens import DIGIT, LOWER, NEWLINE, SIGN, Tokens

ENTITIES: Final = ("PERSON", "LOCATION", "ORGANIZATION", "ADDRESS")
"""As the network's labels have them, a begin and an inside label each."""
SCORE_MIN: Final = 0.7
"""Where precision and recall met on sentences held out from training; a policy may ask for more."""

_ADDRESS: Final = ENTITIES.index("ADDRESS")
_KNOWN_NAME: Final = 1 | 2 | 4 | 8
"""Bits of the lexicon: given and family names, cities, countries."""
_TRAILING_SIGNS: Final = " \t\r\n,;:!?()[]{}<>\"'`|/\\*_#=-.\u2013\u2014\u201c\u201d\u201e\xab\xbb"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text are of this entity, with the probability `score`."""

    entity: str
    start: int
    end: int
    score: float


def spans(block: str, tokens: Tokens, probabilities: Floats) -> list[Span]:
    """The spans of a block: runs of tokens that are likelier some entity than none, each of its likeliest kind."""
    begins, insides = probabilities[:, 1::2], probabilities[:, 2::2]
    kinds = begins + insides
    inside = (kinds.sum(axis=1) >= 0.5) & (tokens.initial != NEWLINE)  # an entity ends with its line
    first = begins.sum(axis=1) > insides.sum(axis=1)
    first[1:] |= ~inside[:-1]
    starts = np.flatnonzero(inside & first & _can_begin(tokens))
    if not len(starts):
        return []
    stops = np.flatnonzero(np.append(~inside | first, True))
    lasts = stops[np.searchsorted(stops, starts, side="right")]
    totals = np.concatenate([np.zeros((1, kinds.shape[1]), np.float32), np.cumsum(kinds, axis=0)])
    means = (totals[lasts] - totals[starts]) / (lasts - starts)[:, None]
    best, scores = means.argmax(axis=1), means.max(axis=1)
    kept = (scores >= SCORE_MIN) & ((tokens.initial[starts] != DIGIT) | (best == _ADDRESS))
    places = zip(tokens.starts[starts[kept]].tolist(), tokens.ends[lasts[kept] - 1].tolist(), strict=True)
    return [
        Span(ENTITIES[kind], start, stop, min(score, 1.0))
        for (start, end), kind, score in zip(places, best[kept].tolist(), scores[kept].tolist(), strict=True)
        if _is_plausible(block[start : (stop := _trimmed(block, start, end))])
    ]


def _can_begin(tokens: Tokens) -> NDArray[np.bool_]:
    """No sign begins an entity, and a small letter only where the word is known as somebody's or some place's name."""
    plain = (tokens.initial == LOWER) & (tokens.features[6] & _KNOWN_NAME == 0)
    can: NDArray[np.bool_] = (tokens.initial != SIGN) & ~plain
    return can


def _is_plausible(text: str) -> bool:
    """Not one Latin letter, and not digits alone."""
    return (len(text) > 1 or not text.isascii()) and any(map(str.isalpha, text))


def _trimmed(block: str, start: int, end: int) -> int:
    """The end without signs behind the last word; the full stop of an initial or of `Jr.` stays."""
    while end > start + 1 and block[end - 1] in _TRAILING_SIGNS:
        before = block[max(start, end - 3) : end - 1]
        if block[end - 1] == "." and (before in {"Jr", "Sr"} or (before[-1:].isupper() and not before[:-1].isalnum())):
            break
        end -= 1
    return end
