"""Cuts text into tokens and describes each by small numbers, a block of text at a time, without a loop over tokens.

A token is a run of letters, a run of digits, one sign (or a run of one sign), one character of a script written without
spaces, or the line breaks between two lines. Character classes and folding (lower case, without accents) come with the
model, so that a newer Unicode database can't change what a model was trained on.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPACE, NEWLINE, LOWER, UPPER, LETTER, IDEOGRAPH, DIGIT, SIGN = range(8)
"""Character classes. LETTER: of a script without case, and combining marks."""

BLOCK_CHARACTERS_MAX: Final = 1 << 15
"""A block's arrays fit a core's second-level cache; a longer document takes no more memory than one block at a time."""

PLANE: Final = 1 << 16
"""Tables cover the basic plane; beyond it are ideographs, emoji and ancient scripts, which share one class."""

_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_ONE: Final = np.ones(1, np.uint64)
# Σ character·base^position over a token, brought to one common power: a word's hash, whatever its place in the block.
_POWERS: Final = np.concatenate([_ONE, np.cumprod(np.full(BLOCK_CHARACTERS_MAX, _BASE))])


@dataclass(frozen=True, slots=True)
class Tokens:
    """`count` tokens: where each stands in its block, and what the network reads of it (one row a feature)."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    words: NDArray[np.uint64]
    features: NDArray[np.int32]
    initial: NDArray[np.uint8]
    """The class of each token's first character."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Class and folded form of every character of the basic plane."""

    classes: NDArray[np.uint8]
    folded: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Hashes of known words in ascending order, and for each the bits that say where it is known from."""

    hashes: NDArray[np.uint32]
    bits: NDArray[np.uint16]

    def look_up(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The bits of each word, 0 for an unknown one. One unknown word in 50,000 shares a known one's hash."""
        short = (words >> np.uint64(32)).astype(np.uint32)
        at = np.searchsorted(self.hashes, short)
        at[at == len(self.hashes)] = 0
        return np.where(self.hashes[at] == short, self.bits[at], 0).astype(np.int64)


WORD_ROWS, PREFIX_ROWS, SUFFIX_ROWS, SHAPE_ROWS, LEXICON_ROWS = 1 << 15, 1 << 12, 1 << 13, 1 << 10, 1 << 11
TABLES: Final = (WORD_ROWS, PREFIX_ROWS, SUFFIX_ROWS, SUFFIX_ROWS, SUFFIX_ROWS, SHAPE_ROWS, LEXICON_ROWS)
"""Rows of each feature's table: word, first 3 characters, last 2, last 3, last 4, shape, where it is known from."""


def hash_word(word: str, alphabet: Alphabet) -> int:
    """The hash that `tokenise` gives this one token."""
    codes = np.array([ord(character) for character in word], np.uint32)
    return int(_hash(alphabet.folded[np.minimum(codes, PLANE - 1)], np.array([0]), np.array([len(word)]))[0])


@dataclass(frozen=True, slots=True)
class Words:
    """Each letter run and ideograph of a block: where it stands, and the hash of its folded form."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def words_of(block: str, alphabet: Alphabet) -> Words:
    """The words of a block of at most BLOCK_CHARACTERS_MAX characters; numbers, signs and line breaks left out."""
    codes, classes, folded = _characters(block, alphabet)
    starts, ends = _cut(codes, classes)
    initial = classes[starts]
    kept = (initial != SIGN) & (initial != NEWLINE) & (initial != DIGIT)
    starts, ends = starts[kept], ends[kept]
    return Words(starts, ends, _hash(folded, starts, ends))


def _characters(block: str, alphabet: Alphabet) -> tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint16]]:
    """Codes, classes and folded forms."""
    codes = np.frombuffer(block.encode("utf-32-le", "surrogatepass"), "<u4")
    low = np.minimum(codes, PLANE - 1)
    return codes, alphabet.classes[low], alphabet.folded[low]


def tokenise(block: str, alphabet: Alphabet, lexicon: Lexicon) -> Tokens:
    """The tokens of a block of at most BLOCK_CHARACTERS_MAX characters."""
    codes, classes, folded = _characters(block, alphabet)
    starts, ends = _cut(codes, classes)
    words = _hash(folded, starts, ends)
    known = lexicon.look_up(words)
    initial = classes[starts]
    features = np.empty((len(TABLES), len(starts)), np.int32)
    features[0] = words & np.uint64(WORD_ROWS - 1)
    features[1:5] = _affixes(folded, starts, ends)
    features[5] = _shapes(codes, classes, starts, ends)
    features[6] = known
    return Tokens(starts, ends, words, features, initial)


def _cut(codes: NDArray[np.uint32], classes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where tokens start and end."""
    groups = np.where((classes == UPPER) | (classes == LETTER), LOWER, classes)
    fresh = np.empty(len(groups) + 1, bool)
    fresh[0] = fresh[-1] = True
    fresh[1:-1] = (groups[1:] != groups[:-1]) | (groups[1:] == IDEOGRAPH)
    fresh[1:-1] |= (groups[1:] == SIGN) & (codes[1:] != codes[:-1])
    edges = np.flatnonzero(fresh)
    starts, ends = edges[:-1], edges[1:]
    kept = groups[starts] != SPACE
    return starts[kept], ends[kept]


def _hash(folded: NDArray[np.uint16], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A 64-bit hash of each token's folded characters."""
    sums = np.zeros(len(folded) + 1, np.uint64)
    np.cumsum((folded.astype(np.uint64) + np.uint64(1)) * _POWERS[: len(folded)], out=sums[1:])
    hashes = (sums[ends] - sums[starts]) * _POWERS[BLOCK_CHARACTERS_MAX - starts]
    return _mixed(hashes)


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    return hashes ^ (hashes >> np.uint64(32))


def _affixes(folded: NDArray[np.uint16], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """Rows of the first 3, last 2, last 3 and last 4 characters; a shorter token's missing ones count as 0."""
    padded = folded.astype(np.uint64)
    last = len(padded) - 1
    head = np.zeros(len(starts), np.uint64)
    for place in range(3):
        at = starts + place
        head = head * _BASE + np.where(at < ends, padded[np.minimum(at, last)], 0)
    rows = np.empty((4, len(starts)), np.int32)
    rows[0] = _mixed(head) & np.uint64(PREFIX_ROWS - 1)
    tail = np.zeros(len(starts), np.uint64)
    for place in range(1, 5):
        at = ends - place
        tail = tail * _BASE + np.where(at >= starts, padded[np.maximum(at, 0)], 0)
        if place >= 2:
            rows[place - 1] = _mixed(tail) & np.uint64(SUFFIX_ROWS - 1)
    return rows


def _shapes(
    codes: NDArray[np.uint32], classes: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Letters: case, length and whether a space stands before. Signs: which one. Line breaks: one or more."""
    upper = np.zeros(len(classes) + 1, np.int32)
    np.cumsum(classes == UPPER, out=upper[1:])
    lower = np.zeros(len(classes) + 1, np.int32)
    np.cumsum(classes == LOWER, out=lower[1:])
    uppers, lowers = upper[ends] - upper[starts], lower[ends] - lower[starts]
    initial = classes[starts]
    lengths = ends - starts
    sizes = _SIZES[np.minimum(lengths, len(_SIZES) - 1)]
    case = np.where(uppers == 0, np.where(lowers > 0, 0, 1), np.where(lowers == 0, 2, np.where(uppers == 1, 3, 4)))
    case[initial == DIGIT], case[initial == IDEOGRAPH] = 5, 6
    before = np.concatenate([[SPACE], classes[:-1]])[starts] == SPACE
    shapes = (case * 8 + sizes) * 2 + before
    signs = initial == SIGN
    marks = codes[starts].astype(np.int64)
    shapes[signs] = (128 + (np.where(marks < 256, marks, 256 + marks % 127) * 2 + before))[signs]
    breaks = initial == NEWLINE
    shapes[breaks] = np.minimum(lengths, 2)[breaks] + 125
    return np.asarray(shapes, np.int64)


_SIZES: Final = np.array([0, 1, 2, 3, 4, 5, 5, 6, 6, 6, 7], np.int64)
