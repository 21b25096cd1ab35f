"""Embedding: every chunk sealed to the query service, in order, under its own part; nothing without lineage."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from staithe.embedding.stage import EMBEDDED_TOPIC, EmbeddingStage
from staithe.kernel.content import NOTHING_TO_READ, Readable, chunk_digest, chunks_digest, listed_chunks_digest
from staithe.kernel.crypto.sealing import KeyringOpener, KeyringSealer, SealContext, generate_private_key, public_key_of
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Integrity, InvalidEvent, Unavailable
from staithe.kernel.events import AuditEvent, ChunksEmbedded, DocumentSanitized, Event, LineageStep
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, sha256
from staithe.kernel.provenance import CHUNKS_LISTED_MAX, spell_chunks
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier
from staithe.vectors.chunks import Chunk as TextChunk
from staithe.vectors.terms import blind, chunk_weights, unpack

NOW_MS = 1_790_000_000_000
STAGES = ("ingestion", "sanitization")
SIGNERS = {name: Signer.generate() for name in (*STAGES, "embedding")}
KEYS = {name: signer.public_key for name, signer in SIGNERS.items()}
PRIVATE = generate_private_key()
OPENER = KeyringOpener({"chunk": {"harbour": PRIVATE}})
OWN_KEY = generate_private_key()
TO_EMBEDDING = KeyringSealer({"sanitized": {"harbour": public_key_of(OWN_KEY)}})
READABLE = Readable("leave.md", "Leave", "first line\nsecond")


def sealed(readable: Readable = READABLE, document: str = "leave", version: int = 5) -> bytes:
    return TO_EMBEDDING.seal(SealContext("sanitized", "harbour", document, version), readable.encode())


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


class FakeEncoder:
    """One chunk per line; a vector of the line's length."""

    model_digest = b"m" * 32

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.read: list[str] = []

    def chunks(self, text: str) -> Sequence[TextChunk]:
        lines = text.splitlines()
        return [TextChunk(number, number * 10, number * 10 + len(line), line) for number, line in enumerate(lines)]

    def encode(self, title: str, text: str) -> npt.NDArray[np.float32]:
        assert title in {"Leave", "Holidays"}
        if self.failure:
            raise self.failure
        self.read.append(text)
        return np.array([len(text), 1, 0], np.float64).astype(np.float32)


class FakeTermKeys:
    """One key a tenant, or a failure."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def key(self, tenant_id: TenantId) -> bytes:
        if self.failure:
            raise self.failure
        return sha256(tenant_id.encode())


class FakeEncoderOfMany(FakeEncoder):
    """More chunks than one audit event can list, whatever the text."""

    def chunks(self, text: str) -> Sequence[TextChunk]:
        return [TextChunk(number, number, number + 1, text[:1]) for number in range(CHUNKS_LISTED_MAX + 2)]


def version(number: int, readable: Readable = READABLE, document: str = "leave") -> DocumentSanitized:
    """A version of a document with this text."""
    return sanitized(
        readable, document_version=number, document_id=DocumentId(document),
        sealed_text=sealed(readable, document, number),
    )  # fmt: skip


def sanitized(readable: Readable = READABLE, **changes: Any) -> DocumentSanitized:
    event = DocumentSanitized(**{
        "event_id": "e", "tenant_id": TenantId("harbour"), "document_id": DocumentId("leave"), "document_version": 5,
        "operation": Operation.UPSERT, "occurred_at": NOW_MS, "residency": "eu", "content_sha256": b"c" * 32,
        "access": Access(Tier.OFFICE, ("hr",), Classification.INTERNAL), "retention_until": None, "source": "wiki",
        "content_type": "text/markdown", "sealed_text": sealed(), "policy_sha256": b"p" * 32, **changes,
    })  # fmt: skip
    after = (readable if event.operation is Operation.UPSERT else NOTHING_TO_READ).digest()
    lineage: tuple[LineageStep, ...] = ()
    before = event.content_sha256
    for stage, output in zip(STAGES, (sha256(b"ingested"), after), strict=True):
        author = LineageAuthor(service=stage, code_version=f"{stage}/1", signer=SIGNERS[stage])
        lineage = author.extended(event, lineage, input_sha256=before, output_sha256=output)
        before = output
    return replace(event, lineage=lineage)


def stage(
    encoder: FakeEncoder | None = None, seals: Sequence[str] = ("harbour",), keys: FakeTermKeys | None = None
) -> EmbeddingStage:
    return EmbeddingStage(
        encoder or FakeEncoder(), opener=KeyringOpener({"sanitized": {"harbour": OWN_KEY}}),
        sealer=KeyringSealer({"chunk": dict.fromkeys(seals, public_key_of(PRIVATE))}),
        term_keys=keys or FakeTermKeys(), verifier=LineageVerifier(expected=STAGES, keys=KEYS), clock=FakeClock(),
        author=LineageAuthor(service="embedding", code_version="embedding/1", signer=SIGNERS["embedding"]),
    )  # fmt: skip


def embedded(event: DocumentSanitized) -> ChunksEmbedded:
    made = stage()(event, ())[0].event
    assert isinstance(made, ChunksEmbedded)
    return made


def refused(event: Event) -> str:
    with pytest.raises(InvalidEvent) as refusal:
        stage()(event, ())
    return refusal.value.reason_code


def test_every_chunk_has_its_words_as_keyed_hashes() -> None:
    one, two = embedded(sanitized()).chunks
    expected = [blind(chunk_weights("Leave", text), sha256(b"harbour")) for text in ("first line", "second")]
    assert [unpack(each.terms or b"") for each in (one, two)] == [pytest.approx(each) for each in expected]
    assert b"first" not in (one.terms or b"")


def test_without_the_tenants_term_key_nothing_is_embedded() -> None:
    failure = Unavailable("the key service does not answer", reason_code="KEYS_UNAVAILABLE")
    with pytest.raises(Unavailable):
        stage(keys=FakeTermKeys(failure))(sanitized(), ())


def test_every_chunk_is_sealed_under_its_own_part() -> None:
    event = embedded(sanitized())
    assert [each.ordinal for each in event.chunks] == [0, 1]
    for each, text in zip(event.chunks, ("first line", "second"), strict=True):
        context = SealContext("chunk", "harbour", "leave", 5, str(each.ordinal))
        assert OPENER.open(context, each.sealed_text) == Readable("leave.md", "Leave", text).encode()
        assert each.text_sha256 == sha256(text.encode())
        with pytest.raises(Integrity):
            OPENER.open(replace(context, part=str(1 - each.ordinal)), each.sealed_text)


def test_no_plain_text_of_a_chunk_leaves() -> None:
    emits = stage()(sanitized(), ())
    assert [each.topic for each in emits] == [EMBEDDED_TOPIC, AUDIT_TOPIC]
    assert "first line" not in repr(emits)
    assert "Leave" not in repr(emits)


def test_embeddings_are_little_endian_float32() -> None:
    event = embedded(sanitized())
    assert event.dimensions == 3
    assert np.frombuffer(event.chunks[0].embedding, "<f4").tolist() == [10, 1, 0]


def test_labels_pass_unchanged_and_the_step_is_signed() -> None:
    before = sanitized()
    event = embedded(before)
    for name in ("tenant_id", "document_id", "document_version", "operation", "access", "retention_until", "residency"):
        assert getattr(event, name) == getattr(before, name)
    digest = chunks_digest(event.model_digest, event.chunks)
    LineageVerifier(expected=(*STAGES, "embedding"), keys=KEYS).verify(event, output_sha256=digest)


def test_audit_counts_chunks_and_names_no_document() -> None:
    audit = stage()(sanitized(), ())[1].event
    assert isinstance(audit, AuditEvent)
    assert (audit.action, audit.attributes["chunk_count"]) == ("document.embedded", "2")
    assert "leave" not in repr(audit)


def test_audit_lists_the_chunks_by_digest() -> None:
    embedded_event, audit = (each.event for each in stage()(sanitized(), ()))
    assert isinstance(embedded_event, ChunksEmbedded)
    assert isinstance(audit, AuditEvent)
    listed = [chunk_digest(each) for each in embedded_event.chunks]
    assert audit.attributes["chunks"] == spell_chunks(listed)
    assert listed_chunks_digest(embedded_event.model_digest, listed) == audit.output_sha256


def test_more_chunks_than_one_event_can_list_go_on_in_others() -> None:
    embedded_event, *audits = (each.event for each in stage(FakeEncoderOfMany())(sanitized(), ()))
    assert isinstance(embedded_event, ChunksEmbedded)
    found = ""
    for each in audits:
        assert isinstance(each, AuditEvent)
        assert int(each.attributes.get("ordinal", 0)) * 64 == len(found)
        found += each.attributes["chunks"]
    assert [each.action for each in audits if isinstance(each, AuditEvent)] == ["document.embedded", "chunks.listed"]
    assert found == spell_chunks([chunk_digest(each) for each in embedded_event.chunks])
    assert len(embedded_event.chunks) == CHUNKS_LISTED_MAX + 2


def test_erasure_passes_without_chunks() -> None:
    event = embedded(sanitized(operation=Operation.ERASE, sealed_text=b"", content_sha256=sha256(b"")))
    assert (event.operation, event.chunks, event.dimensions) == (Operation.ERASE, (), 0)


def test_new_version_costs_only_the_chunks_that_changed() -> None:
    encoder = FakeEncoder()
    working = stage(encoder)
    working(version(5), ())
    changed = working(version(6, replace(READABLE, text="first line\nthird\nsecond")), ())[0].event
    assert encoder.read == ["first line", "second", "third"]
    assert isinstance(changed, ChunksEmbedded)
    assert [np.frombuffer(each.embedding, "<f4")[0] for each in changed.chunks] == [10, 5, 6]
    digest = chunks_digest(changed.model_digest, changed.chunks)
    LineageVerifier(expected=(*STAGES, "embedding"), keys=KEYS).verify(changed, output_sha256=digest)


def test_new_title_is_read_with_every_chunk() -> None:
    encoder = FakeEncoder()
    working = stage(encoder)
    for number, title in ((5, "Leave"), (6, "Holidays")):
        working(version(number, replace(READABLE, title=title)), ())
    assert encoder.read == ["first line", "second"] * 2


def test_nothing_is_taken_from_another_document_with_the_same_text() -> None:
    encoder = FakeEncoder()
    working = stage(encoder)
    for document in ("leave", "copy"):
        working(version(5, document=document), ())
    assert encoder.read == ["first line", "second"] * 2


def test_erased_document_leaves_no_vector_in_memory() -> None:
    encoder = FakeEncoder()
    working = stage(encoder)
    working(version(5), ())
    working(sanitized(operation=Operation.ERASE, sealed_text=b"", document_version=6), ())
    assert not any(working._memory._documents.values())
    working(version(7), ())
    assert encoder.read == ["first line", "second"] * 2


def test_other_event_is_refused() -> None:
    assert refused(embedded(sanitized())) == "EVENT_TYPE"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lineage": ()}, "LINEAGE_STAGES"),
        ({"sealed_text": sealed(replace(READABLE, text="other"))}, "LINEAGE_CONTENT"),
        ({"sealed_text": sealed(replace(READABLE, title="other"))}, "LINEAGE_CONTENT"),
        ({"sealed_text": sealed(replace(READABLE, name="other"))}, "LINEAGE_CONTENT"),
        ({"sealed_text": b""}, "SEAL_BROKEN"),
        ({"sealed_text": sealed()[:-1]}, "SEAL_BROKEN"),
        ({"document_id": DocumentId("other")}, "SEAL_BROKEN"),
        ({"content_sha256": b"x" * 32}, "LINEAGE_UNLINKED"),
        ({"tenant_id": TenantId("millrace")}, "SEAL_BROKEN"),
        ({"residency": "us"}, "LINEAGE_FORGED"),
        ({"access": Access(Tier.OFFICE, (), Classification.INTERNAL)}, "LINEAGE_FORGED"),
    ],
)
def test_document_that_sanitization_did_not_send_is_refused(changes: dict[str, Any], code: str) -> None:
    assert refused(replace(sanitized(), **changes)) == code


def test_unsanitized_document_is_refused() -> None:
    event = sanitized()
    assert refused(replace(event, lineage=event.lineage[:1])) == "LINEAGE_STAGES"


def test_tenant_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        stage(seals=())(sanitized(), ())
    assert refusal.value.reason_code == "TENANT_UNKNOWN"


def test_unavailable_model_propagates() -> None:
    encoder = FakeEncoder()
    encoder.failure = Unavailable("no session is free")
    with pytest.raises(Unavailable):
        stage(encoder)(sanitized(), ())
