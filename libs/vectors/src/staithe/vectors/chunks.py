"""Cuts a document's text into chunks the embedding model can read whole, and names them.

Pure and deterministic: the same text, tokenizer and limits give the same chunks, so that a replayed event
overwrites its rows instead of adding to them. Linear in the length of the text; every character is tokenized once.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.limits import TEXT_CHARACTERS_MAX
from staithe.kernel.vocabulary import ChunkId, DocumentId, TenantId
from staithe.vectors.clip import CHUNK_TOKENS_MAX
from staithe.vectors.model.pins import CONTENT_TOKENS_MAX, WORD_TOKENS_MAX
from staithe.vectors.model.tokenizer import TextTokenizer

_CHUNK_ID_DOMAIN: Final = b"staithe.chunk.v1\x00"

_BOUNDARIES: Final = (
    re.compile("(?:[.!?\u2026][\"'\u201d\u2019)\\]]*\\s|[\u3002\uff01\uff1f])"),
    re.compile(r"\n"),
    re.compile(r"\n[ \t\r]*\n"),
)
"""Ends of sentences, lines and paragraphs: rank 1, 2 and 3; every other word boundary has rank 0. What a pattern
repeats never holds the character it begins with, so every search is linear."""
_SENTENCE: Final = 1

_OVERLAP_PART: Final = 8
"""An overlap is at most this part of a chunk's characters: long unknown words must not multiply the text."""


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """How large chunks are; part of what writer and reader of an index agree on.

    Raises ConfigurationError when the limits contradict each other.
    """

    tokens_target: int = 160
    """Chunks grow to this and are cut at the best boundary of their second half. Must hold any one word.

    Of 100, 128, 160 and 200, each with and without the title in front, 160 under its title ranked best within noise
    on half of the sample questions, with the fewest chunks; the other half agreed.
    """
    tokens_max: int = CHUNK_TOKENS_MAX
    """The last chunk may grow to this, so that a document does not end in a scrap; the rest is room for its title."""
    tokens_overlap: int = 32
    """Repeated from the chunk before, so that a sentence cut in two is whole in one of them."""
    characters_max: int = 4_000
    """Words without end have few tokens; 4,000 characters stay under 16 KiB of UTF-8 in the store."""

    def __post_init__(self) -> None:
        if not WORD_TOKENS_MAX <= self.tokens_target <= self.tokens_max <= CONTENT_TOKENS_MAX:
            raise ConfigurationError(
                f"chunk limits must keep {WORD_TOKENS_MAX} <= tokens_target <= tokens_max <= {CONTENT_TOKENS_MAX}",
                reason_code="CHUNK_LIMITS_INVALID",
            )
        if not 0 <= self.tokens_overlap <= self.tokens_target // 4 or self.characters_max < 2 * WORD_TOKENS_MAX:
            raise ConfigurationError(
                f"chunk limits must keep 0 <= tokens_overlap <= tokens_target / 4 and"
                f" characters_max >= {2 * WORD_TOKENS_MAX}",
                reason_code="CHUNK_LIMITS_INVALID",
            )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a text: `text` is the source's characters from `span_start` up to `span_end`, exactly."""

    ordinal: int
    span_start: int
    span_end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Units:
    """What chunks are made of: words with what follows them, or pieces of over-long words.

    Unit i is the characters from `starts[i]` to `starts[i + 1]`; `tokens[i]` tokens lie before it, and `ranks[i]`
    says how good a cut is there. Each array has one more element than there are units.
    """

    starts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    ranks: NDArray[np.int8]

    @property
    def count(self) -> int:
        return len(self.ranks) - 1


def chunk_text(text: str, tokenizer: TextTokenizer, limits: ChunkLimits) -> list[Chunk]:
    """The chunks of a text, in order; none for a text of white space.

    Every character that is not white space is in at least one chunk; no chunk begins or ends in white space, has
    more than `limits.tokens_max` tokens or `limits.characters_max` characters. Raises InvalidEvent when the text has
    lone surrogates or more than TEXT_CHARACTERS_MAX characters.
    """
    if len(text) > TEXT_CHARACTERS_MAX:
        raise InvalidEvent(
            f"the text has more than {TEXT_CHARACTERS_MAX} characters: split the document", reason_code="TEXT_TOO_LONG"
        )
    units = _units(text, tokenizer, limits)
    chunks: list[Chunk] = []
    begin = 0
    while begin < units.count:
        end = _chunk_end(units, begin, limits)
        _append_trimmed(chunks, text, int(units.starts[begin]), int(units.starts[end]))
        begin = units.count if end == units.count else _next_begin(units, begin, end, limits)
    return chunks


def chunk_id(tenant_id: TenantId, document_id: DocumentId, document_version: int, ordinal: int) -> ChunkId:
    """The name of a chunk in every store: hex SHA-256 over the four fields, each with its length in front.

    Deterministic, so that writing twice overwrites. Raises OverflowError when a number is negative.
    """
    digest = hashlib.sha256(_CHUNK_ID_DOMAIN)
    for field in (tenant_id.encode(), document_id.encode(), document_version.to_bytes(8), ordinal.to_bytes(8)):
        digest.update(len(field).to_bytes(8))
        digest.update(field)
    return ChunkId(digest.hexdigest())


def _units(text: str, tokenizer: TextTokenizer, limits: ChunkLimits) -> _Units:
    words = tokenizer.words(text)
    starts, tokens = words.starts.copy(), words.tokens
    if len(starts) == 0:
        starts, tokens = np.zeros(min(len(text), 1), np.int64), np.zeros(min(len(text), 1), np.int64)
    starts[:1] = 0  # characters the model ignores, in front of the first word, belong to it
    starts, tokens = _split_long(starts, tokens, len(text), limits.characters_max)
    bounds = np.append(starts, len(text))
    return _Units(bounds, np.concatenate([[0], np.cumsum(tokens)]), _ranks(text, bounds))


def _split_long(
    starts: NDArray[np.int64], tokens: NDArray[np.int64], length: int, characters_max: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut units of more than `characters_max` characters. A piece of a word may have more tokens than the word
    (an over-long word is one unknown token), so each piece is charged what a word can cost at most."""
    sizes = np.diff(starts, append=length)
    pieces = -(-sizes // characters_max)
    unit = np.repeat(np.arange(len(starts)), pieces)
    index_in_unit = np.arange(len(unit)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    charged = np.where(pieces > 1, np.maximum(tokens, WORD_TOKENS_MAX), tokens)
    return starts[unit] + index_in_unit * characters_max, charged[unit]


def _ranks(text: str, bounds: NDArray[np.int64]) -> NDArray[np.int8]:
    """A boundary found in the text counts for the first unit that begins at or behind its end."""
    ranks = np.zeros(len(bounds), np.int8)
    for rank, pattern in enumerate(_BOUNDARIES, start=_SENTENCE):
        ends = np.fromiter((found.end() for found in pattern.finditer(text)), np.int64)
        ranks[np.searchsorted(bounds, ends)] = rank
    return ranks


def _chunk_end(units: _Units, begin: int, limits: ChunkLimits) -> int:
    """The unit before which the chunk from `begin` ends: the latest of the best boundaries in its second half."""
    if _furthest(units, begin, limits.tokens_max, limits.characters_max) == units.count:
        return units.count
    end = _furthest(units, begin, limits.tokens_target, limits.characters_max)
    half = np.searchsorted(units.tokens, units.tokens[begin] + limits.tokens_target // 2)
    first = int(min(max(half, begin + 1), end))
    candidates = units.ranks[first : end + 1][::-1]
    return end - int(np.argmax(candidates))


def _furthest(units: _Units, begin: int, tokens: int, characters: int) -> int:
    """The last unit before which a chunk from `begin` may end; at least one unit, each fits by itself."""
    by_tokens = np.searchsorted(units.tokens, units.tokens[begin] + tokens, side="right") - 1
    by_characters = np.searchsorted(units.starts, units.starts[begin] + characters, side="right") - 1
    return int(max(min(by_tokens, by_characters), begin + 1))


def _next_begin(units: _Units, begin: int, end: int, limits: ChunkLimits) -> int:
    """Where the next chunk begins: at the first sentence within the overlap, or else at the first word."""
    by_tokens = np.searchsorted(units.tokens, units.tokens[end] - limits.tokens_overlap)
    by_characters = np.searchsorted(units.starts, units.starts[end] - limits.characters_max // _OVERLAP_PART)
    first = int(min(max(by_tokens, by_characters, begin + 1), end))
    sentences = np.flatnonzero(units.ranks[first : end + 1] >= _SENTENCE)
    return first + int(sentences[0]) if len(sentences) else first


def _append_trimmed(chunks: list[Chunk], text: str, start: int, end: int) -> None:
    """Add the chunk without white space at its ends, unless it says nothing the chunk before did not."""
    content = text[start:end]
    start += len(content) - len(content.lstrip())
    content = content.strip()
    end = start + len(content)
    if content and (not chunks or end > chunks[-1].span_end):
        chunks.append(Chunk(len(chunks), start, end, content))
