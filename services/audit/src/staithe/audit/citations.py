"""Reads what audit events say of chunks and citations; the spelling is the kernel's `provenance`. Pure."""

import re
from typing import Final

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.provenance import (
    BY_GROUP,
    BY_TIER,
    CHUNKS_CITED_MAX,
    CHUNKS_LISTED_MAX,
    CITATIONS_LISTED_MAX,
    CitedPassage,
)

_DIGEST: Final = "[0-9a-f]{64}"
_NUMBER: Final = "(?:0|[1-9][0-9]{0,15})"
_CITATION: Final = (
    f"{_DIGEST}:{_NUMBER}:[1-3]:(?:{BY_TIER}|{BY_GROUP}):{_NUMBER}-{_NUMBER}:{_DIGEST}:"
    f"(?:{_DIGEST}){{1,{CHUNKS_CITED_MAX}}}"
)
CHUNK_LIST: Final = re.compile(f"(?:{_DIGEST}){{1,{CHUNKS_LISTED_MAX}}}")
CITATION_LIST: Final = re.compile(f"{_CITATION}(?:;{_CITATION}){{0,{CITATIONS_LISTED_MAX - 1}}}")

SHOWN_MAX: Final = 256
"""Versions that one search can have shown; a search shows far fewer chunks, and this fits an entry's list."""
_SHOWN: Final = f"{_DIGEST}:{_NUMBER}"
SHOWN_LIST: Final = re.compile(f"{_SHOWN}(?:;{_SHOWN}){{0,{SHOWN_MAX - 1}}}")


def parse_shown(text: str) -> tuple[tuple[bytes, int], ...]:
    """The versions that a search showed, subject digest and version; raises InvalidEvent when it is not a list of them.

    Spelt `subject:version`, joined by `;`, by the query service.
    """
    if not SHOWN_LIST.fullmatch(text):
        raise InvalidEvent("not a list of versions", reason_code="SHOWN_MALFORMED")
    pairs = (each.split(":") for each in text.split(";"))
    return tuple((bytes.fromhex(subject), int(version)) for subject, version in pairs)


def parse_chunks(text: str) -> tuple[bytes, ...]:
    """The digests in a list; raises InvalidEvent when it is not one."""
    if not CHUNK_LIST.fullmatch(text):
        raise InvalidEvent("not a list of chunk digests", reason_code="CHUNK_LIST_MALFORMED")
    return _split(bytes.fromhex(text))


def parse_citations(text: str) -> tuple[CitedPassage, ...]:
    """The citations in a value; raises InvalidEvent when it is not a list of them."""
    if not CITATION_LIST.fullmatch(text):
        raise InvalidEvent("not a list of citations", reason_code="CITATIONS_MALFORMED")
    return tuple(_parse_citation(each) for each in text.split(";"))


def _parse_citation(text: str) -> CitedPassage:
    subject, version, tier, basis, span, quote, chunks = text.split(":")
    start, end = map(int, span.split("-"))
    return CitedPassage(
        subject_sha256=bytes.fromhex(subject), document_version=int(version), tier=int(tier), basis=basis,
        span_start=start, span_end=end, quote_sha256=bytes.fromhex(quote),
        chunk_sha256s=_split(bytes.fromhex(chunks)),
    )  # fmt: skip


def _split(digests: bytes) -> tuple[bytes, ...]:
    return tuple(digests[i : i + 32] for i in range(0, len(digests), 32))
