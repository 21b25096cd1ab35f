"""How audit events name chunks and citations by digests: embedding and query write it, the audit room reads it. Pure.

A list of chunks is their digests in hexadecimal, one after the other, in order. A citation is
`subject:version:tier:basis:start-end:quote:chunks`, several are joined by `;`; digests are hexadecimal, the span counts
characters of the sanitized text, and `quote` is a salted digest, because a quotation can be short enough to guess.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CHUNKS_LISTED_MAX: Final = 512
"""Chunks that one audit event lists, 64 characters each: half of what an entry of the log may hold."""

CITATIONS_LISTED_MAX: Final = 16
CHUNKS_CITED_MAX: Final = 8
"""Chunks one quotation can touch: a quotation is shorter than a chunk, so usually one and at most two or three."""

BY_TIER: Final = "tier"
BY_GROUP: Final = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedPassage:
    """A citation by digests: which version, why the caller might see it, which characters, which stored chunks."""

    subject_sha256: bytes
    document_version: int
    tier: int
    """The tier the document asks for."""
    basis: str
    """BY_TIER when the document is for everybody of the tier, BY_GROUP when a group of the caller was needed too."""
    span_start: int
    span_end: int
    quote_sha256: bytes
    """Salted: see `quote_digest`."""
    chunk_sha256s: tuple[bytes, ...]


def quote_digest(salt: bytes, quote: str) -> bytes:
    """The digest of a quotation under a salt of 32 bytes."""
    return hashlib.sha256(b"staithe/quote/v1\0" + salt + quote.encode()).digest()


def spell_chunks(chunk_digests: Sequence[bytes]) -> str:
    """The list as an attribute's value."""
    return b"".join(chunk_digests).hex()


def spell_citations(citations: Sequence[CitedPassage]) -> str:
    """The citations as an attribute's value."""
    return ";".join(
        f"{each.subject_sha256.hex()}:{each.document_version}:{each.tier}:{each.basis}:"
        f"{each.span_start}-{each.span_end}:{each.quote_sha256.hex()}:{spell_chunks(each.chunk_sha256s)}"
        for each in citations
    )
