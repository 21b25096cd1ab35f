"""Joins what was found by meaning and what was found by words into one order. Pure.

A weighted sum of both scores, each on a scale of its own that no other chunk changes: the cosine, and how much of the
question's words a chunk has (Bruch, Gai and Ingber 2023 compare it with reciprocal rank fusion, which was worse than
meaning alone on our questions; docs/decisions says more). Only hits that the caller may see are given to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from staithe.vectors.store.rows import Hit
from staithe.vectors.terms import Terms, shared_part

WEIGHT_WORDS: Final = 0.3
"""Of the words, where the meaning has 1. From 0.1 to 0.3 half of the sample questions ranked alike, with 0.5 worse."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a chunk came to its place: its ranks, from 1, among what the caller may see; None: not found that way.

    `words_score` is the part of the question's words, by weight, that the chunk has: 0 to 1.
    """

    meaning_rank: int | None
    words_rank: int | None
    words_score: float | None
    fused_score: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit and how it came to its place."""

    hit: Hit
    standing: Standing


def fuse(by_meaning: Sequence[Hit], by_words: Sequence[Hit], terms: Terms) -> tuple[Ranked, ...]:
    """Every hit of either list once, best first; both lists best first, `terms` what the words were."""
    meaning = {hit.chunk_id: rank for rank, hit in enumerate(by_meaning, 1)}
    words = {hit.chunk_id: rank for rank, hit in enumerate(by_words, 1)}
    parts = {hit.chunk_id: shared_part(hit.terms_score or 0.0, terms) for hit in by_words}
    hits = {hit.chunk_id: hit for hit in (*by_words, *by_meaning)}
    ranked = []
    for key, hit in hits.items():
        part = parts.get(key)
        fused = hit.score + WEIGHT_WORDS * (part or 0.0)
        ranked.append(Ranked(hit, Standing(meaning.get(key), words.get(key), part, fused)))
    return tuple(sorted(ranked, key=lambda each: (-each.standing.fused_score, -each.hit.score, each.hit.chunk_id)))
