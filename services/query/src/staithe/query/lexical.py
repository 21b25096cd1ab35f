"""Word overlap between a question and a sentence: stems, and their rarity among the passages at hand. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from staithe.vectors.words import meaningful_words, stem


def content_words(text: str) -> frozenset[str]:
    """The stems of `text` that carry meaning."""
    return frozenset(map(stem, meaningful_words(text)))


def rarity(texts: Iterable[frozenset[str]]) -> Mapping[str, float]:
    """Inverse document frequency of each stem among `texts`; a stem in none of them is not in the mapping."""
    counts: Counter[str] = Counter()
    total = 0
    for stems in texts:
        counts.update(stems)
        total += 1
    return {stem: math.log(1 + total / count) for stem, count in counts.items()}


def overlap(question: frozenset[str], stems: frozenset[str], weights: Mapping[str, float]) -> float:
    """How much of the question's weight `stems` cover, 0 to 1; a word seen nowhere weighs as much as the rarest."""
    heaviest = max(weights.values(), default=1.0)
    total = sum(weights.get(stem, heaviest) for stem in question)
    if total == 0:
        return 0.0
    return sum(weights.get(stem, heaviest) for stem in question & stems) / total
