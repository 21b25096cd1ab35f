"""Digests for evidence: what they cover, and who can compute them."""

from dataclasses import replace

from staithe.kernel.content import chunk_digest, chunks_digest, listed_chunks_digest
from staithe.kernel.events import Chunk
from staithe.kernel.provenance import quote_digest

CHUNK = Chunk(ordinal=0, span_start=0, span_end=4, text_sha256=b"t" * 32, sealed_text=b"sealed", embedding=b"")


def test_quotation_can_be_tried_only_by_who_has_the_salt() -> None:
    assert quote_digest(b"a" * 32, "27 days") != quote_digest(b"b" * 32, "27 days")
    assert quote_digest(b"a" * 32, "27 days") != quote_digest(b"a" * 32, "28 days")


def test_version_follows_from_the_digests_of_its_chunks_alone() -> None:
    other = replace(CHUNK, ordinal=1)
    listed = [chunk_digest(CHUNK), chunk_digest(other)]
    assert listed_chunks_digest(b"m" * 32, listed) == chunks_digest(b"m" * 32, [CHUNK, other])
    assert listed_chunks_digest(b"m" * 32, listed[::-1]) != chunks_digest(b"m" * 32, [CHUNK, other])


def test_digest_of_a_chunk_covers_its_sealed_bytes() -> None:
    assert chunk_digest(replace(CHUNK, sealed_text=b"sealeD")) != chunk_digest(CHUNK)
