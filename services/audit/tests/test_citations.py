"""What audit events say of citations is read back as it was written, and nothing else is read."""

from dataclasses import replace

import pytest

from staithe.audit.citations import parse_chunks, parse_citations
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.provenance import (
    BY_GROUP,
    BY_TIER,
    CHUNKS_LISTED_MAX,
    CITATIONS_LISTED_MAX,
    CitedPassage,
    spell_chunks,
    spell_citations,
)

DIGEST = bytes(range(32))
CITED = CitedPassage(
    subject_sha256=b"s" * 32, document_version=1_795_468_298_565, tier=2, basis=BY_TIER, span_start=0, span_end=71,
    quote_sha256=b"q" * 32, chunk_sha256s=(b"c" * 32, b"d" * 32),
)  # fmt: skip


def test_lists_are_read_back_as_they_were_written() -> None:
    digests = (DIGEST, b"x" * 32)
    assert parse_chunks(spell_chunks(digests)) == digests
    citations = (CITED, replace(CITED, basis=BY_GROUP, chunk_sha256s=(DIGEST,)))
    assert parse_citations(spell_citations(citations)) == citations


@pytest.mark.parametrize(
    "text", ["", "ab", "g" * 64, DIGEST.hex().upper(), DIGEST.hex() * (CHUNKS_LISTED_MAX + 1), DIGEST.hex() + "0"]
)
def test_what_is_no_list_of_chunks_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent):
        parse_chunks(text)


@pytest.mark.parametrize(
    "change",
    [
        ("", ""), (":2:", ":4:"), (":tier:", ":luck:"), (":0-71:", ":0-071:"), (":0-71:", ":-1-71:"), ("73", "7 "),
        (":0-71:", ":mary:"), (":1795468298565:", ":17954682985650000:"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_citations_is_refused(change: tuple[str, str]) -> None:
    good = spell_citations([CITED])
    bad = good.replace(*change) if change[0] else good * (CITATIONS_LISTED_MAX + 1)
    assert bad != good
    with pytest.raises(InvalidEvent) as caught:
        parse_citations(bad)
    assert "mary" not in str(caught.value)
