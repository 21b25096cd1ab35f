"""The scrubber finds every change to what was indexed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.scrub import IndexedVersions
from staithe.kernel.content import chunks_digest
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Chunk

MODEL, SUBJECT = b"m" * 32, b"s" * 32
CHUNKS = [
    Chunk(ordinal=i, span_start=i, span_end=i + 4, text_sha256=b"t" * 32, sealed_text=b"sealed %d" % i, embedding=b"")
    for i in range(3)
]
Make = Callable[[int], AuditEvent]


@pytest.fixture
def indexed(tmp_path: Path, signer: Signer, event: Make) -> IndexedVersions:
    digest = chunks_digest(MODEL, CHUNKS)
    older = replace(event(1), action="document.indexed", subject_sha256=SUBJECT, output_sha256=b"x" * 32)
    events = [older, event(2), replace(older, event_id=event(3).event_id, output_sha256=digest)]
    with TransparencyLog(tmp_path / "log", signer, "audit.example/test") as log:
        log.append([encode_entry(each) for each in events])
        return IndexedVersions.in_log(log.reader())


def test_what_was_indexed_is_in_order(indexed: IndexedVersions) -> None:
    assert indexed.fault((SUBJECT, 1), MODEL, CHUNKS) == ""


@pytest.mark.parametrize(
    "changes",
    [{"ordinal": 9}, {"span_start": 9}, {"span_end": 9}, {"text_sha256": b"u" * 32}, {"sealed_text": b"sealed 2"}],
)
def test_changed_chunk_is_found(changes: dict[str, Any], indexed: IndexedVersions) -> None:
    assert indexed.fault((SUBJECT, 1), MODEL, [CHUNKS[0], replace(CHUNKS[1], **changes), CHUNKS[2]])


@pytest.mark.parametrize("chunks", [CHUNKS[:2], [*CHUNKS, CHUNKS[0]], CHUNKS[::-1], []])
def test_missing_added_and_exchanged_chunks_are_found(chunks: list[Chunk], indexed: IndexedVersions) -> None:
    assert indexed.fault((SUBJECT, 1), MODEL, chunks)


def test_another_model_and_an_unrecorded_version_are_found(indexed: IndexedVersions) -> None:
    assert indexed.fault((SUBJECT, 1), b"n" * 32, CHUNKS)
    assert "no entry" in indexed.fault((SUBJECT, 2), MODEL, CHUNKS)
