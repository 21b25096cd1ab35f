"""Opening, stitching, questions, bounded work and settings."""

import asyncio
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable
from staithe.query.audit import KeyedDigest, traceparent_from
from staithe.query.question import as_question
from staithe.query.reading import Piece, stitch, whole_text
from staithe.query.settings import QuerySettings
from staithe.query.worker import BoundedWorker


@given(st.text(min_size=1, max_size=200), st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), max_size=12))
def test_stitched_pieces_are_the_text(text: str, cuts: list[tuple[int, int]]) -> None:
    pieces = [Piece(start, text[start : start + size]) for start, size in cuts if start < len(text)]
    joined = stitch(pieces)
    assert all(text[each.start : each.end] == each.text for each in joined)
    assert all(a.end < b.start for a, b in pairwise(joined))
    covered = {place for each in pieces for place in range(each.start, each.end)}
    assert covered == {place for each in joined for place in range(each.start, each.end)}


def test_pieces_that_disagree_are_refused() -> None:
    with pytest.raises(Integrity, match="CHUNK_OVERLAP_MISMATCH"):
        stitch([Piece(0, "abcdef"), Piece(4, "xfgh")])


def test_missing_chunk_is_not_papered_over() -> None:
    with pytest.raises(Unavailable):
        whole_text([Piece(0, "a"), Piece(5, "b")], [0, 2], chunk_count=3)
    with pytest.raises(Unavailable):
        whole_text([Piece(0, "a"), Piece(0, "a")], [0, 0], chunk_count=2)
    with pytest.raises(Integrity, match="CHUNK_GAP"):
        whole_text([Piece(0, "a"), Piece(9_000, "b")], [0, 1], chunk_count=2)


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "a\0b", "a\x1bb", "a\u202eb", "a\U000e0041b", "\ud800", "x" * 2001, "\ufdfa" * 2001]
)
def test_what_nobody_types_is_no_question(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        as_question(text)


def test_question_is_normalised() -> None:
    assert as_question("  Cafe\u0301\n  price? ") == "Café price?"
    assert as_question("\u06a9\u200c\u0647") == "\u06a9\u200c\u0647"


async def test_full_queue_refuses_at_once_and_recovers() -> None:
    worker, release = BoundedWorker("w", threads=1, waiting_max=1), threading.Event()
    held = [asyncio.ensure_future(worker.run(release.wait, 5)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="OVERLOADED"):
        await worker.run(lambda: None)
    release.set()
    await asyncio.gather(*held)
    assert await worker.run(lambda: 7) == 7
    worker.close()
    with pytest.raises(Unavailable, match="CLOSING"):
        await worker.run(lambda: None)


def test_digests_depend_on_key_and_kind() -> None:
    digest = KeyedDigest(b"k" * 32)
    assert digest.of("question", "x") == digest.of("question", "x")
    assert len({digest.of("question", "x"), digest.of("subject", "x"), KeyedDigest(b"l" * 32).of("question", "x")}) == 3
    assert KeyedDigest.from_file(None).of("question", "x") != KeyedDigest.from_file(None).of("question", "x")


def test_short_audit_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="32 random bytes"):
        KeyedDigest.from_file(path)


@pytest.mark.parametrize(
    "header", ["", "x" * 55, "00-" + "g" * 32 + "-" + "0" * 16 + "-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01\n"]
)
def test_only_a_traceparent_passes_as_one(header: str) -> None:
    assert traceparent_from(header) == ""


def test_traceparent_passes() -> None:
    header = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert traceparent_from(header) == header


SETTINGS: dict[str, Any] = {
    "kafka_bootstrap": "b:1", "kafka_password_file": "p", "ca_file": "c", "registry_url": "https://r",
    "schemas_dir": "s",
    "topology_file": "t", "health_port": 1, "https_port": 2, "certificate_file": "c", "private_key_file": "k",
    "issuer_url": "https://i", "audience": "query", "keys_url": "https://k", "keys_ca_file": "c",
    "keys_certificate_file": "k", "keys_private_key_file": "k", "model_cache_dir": "m",
    "milvus_uri": "http://127.0.0.1:19530",
    "log_url": "https://a", "log_ca_file": "c", "log_certificate_file": "c", "log_private_key_file": "k",
}  # fmt: skip


def test_complete_settings_are_accepted() -> None:
    assert QuerySettings(**SETTINGS).audience == "query"


@pytest.mark.parametrize(
    "change",
    [
        {"milvus_uri": "https://milvus:19530"},
        {"milvus_user": "query"},
        {"milvus_password_file": "p"},
        {"milvus_ur": "http://127.0.0.1:1"},
        {"health_port": 0},
    ],
)
def test_incomplete_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QuerySettings(**{**SETTINGS, **change})
