"""Word overlap between a question and a sentence: light stemming, rarity among the passages at hand. Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_WORD: Final = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]+(?:'[a-z]+)?|\w+")
_STOP_WORDS: Final = frozenset(
    {
        "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
        "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is",
        "it", "its", "me", "must", "my", "no", "not", "of", "on", "or", "our", "shall", "she", "should", "so", "some",
        "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "us", "was",
        "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you",
        "your", "tell", "give", "much", "many", "long", "often", "please",
    }
)  # fmt: skip


def content_words(text: str) -> frozenset[str]:
    """The stems of `text` that carry meaning."""
    plain = text.replace("\u2019", "'").casefold()
    return frozenset(_stem(word) for word in _WORD.findall(plain) if word not in _STOP_WORDS)


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


def _stem(word: str) -> str:
    if word[0].isdigit():
        return word.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", word) else word
    word = word.removesuffix("'s").replace("'", "")
    for suffix, replacement, shortest in _SUFFIXES:
        if len(word) >= shortest and word.endswith(suffix):
            word = word[: -len(suffix)] + replacement
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


_SUFFIXES: Final = (
    ("ies", "y", 5), ("sses", "ss", 5), ("ations", "at", 8), ("ation", "at", 7), ("ings", "", 7), ("ing", "", 6),
    ("ers", "er", 5), ("ied", "y", 5), ("ed", "", 5), ("ss", "ss", 2), ("us", "us", 2), ("is", "is", 2), ("s", "", 4),
)  # fmt: skip
