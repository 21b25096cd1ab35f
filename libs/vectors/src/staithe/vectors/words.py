"""The words of a text that carry meaning, and their stems: what the lexical side of retrieval counts. Pure.

English: a stop list and light suffix stripping. Other languages are split into words all the same, without stemming.
Writer and reader of an index must agree on it: what is changed here takes effect for documents indexed afterwards.
"""

import re
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


def meaningful_words(text: str) -> list[str]:
    """The words of `text` in order, case folded, without those that every text has."""
    plain = text.replace("\u2019", "'").casefold()
    return [word for word in _WORD.findall(plain) if word not in _STOP_WORDS]


def stem(word: str) -> str:
    """What forms of one word share: "holidays" and "holiday" are one; a number is itself without separators."""
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
