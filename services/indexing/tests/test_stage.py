"""Indexing: the whole decision table, and that rows come before the word that they are current."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from indexing_samples import (
    ACCESS,
    KEYS,
    MODEL,
    NOW_MS,
    STAGES,
    FakeWorld,
    chunk,
    current,
    embedded,
    stage,
)

from staithe.indexing.policy import Step, step_for
from staithe.indexing.stage import CURRENT_TOPIC, INDEXED_TOPIC
from staithe.kernel.content import chunks_digest
from staithe.kernel.errors import AccessDenied, InvalidEvent, StaitheError, Unavailable
from staithe.kernel.events import (
    AuditEvent,
    Chunk,
    DocumentCurrent,
    DocumentIndexed,
    Erasure,
    Event,
)
from staithe.kernel.lineage import LineageVerifier, sha256
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.vocabulary import Access, Classification, Operation, TenantId, Tier


def run(world: FakeWorld, event: Event) -> Sequence[Emit]:
    return stage(world)(event, ())


def refused(world: FakeWorld, event: Event) -> str:
    with pytest.raises(InvalidEvent) as refusal:
        run(world, event)
    assert world.acts == [], "a refused version must leave the index alone"
    return refusal.value.reason_code


@pytest.mark.parametrize(
    ("known", "operation", "expected"),
    [
        (None, Operation.UPSERT, Step.WRITE),
        (None, Operation.ERASE, Step.ERASE),
        (current(4), Operation.UPSERT, Step.WRITE),
        (current(4), Operation.ERASE, Step.ERASE),
        (current(5), Operation.UPSERT, Step.WRITE),
        (current(5), Operation.ERASE, Step.ERASE),
        (current(6), Operation.UPSERT, Step.SKIP),
        (current(6), Operation.ERASE, Step.SKIP),
        (current(4, erased=True), Operation.UPSERT, Step.WRITE),
        (current(4, erased=True), Operation.ERASE, Step.ERASE),
        (current(5, erased=True), Operation.UPSERT, Step.SKIP),
        (current(5, erased=True), Operation.ERASE, Step.ERASE),
        (current(6, erased=True), Operation.UPSERT, Step.SKIP),
        (current(6, erased=True), Operation.ERASE, Step.SKIP),
    ],
)
def test_newest_version_wins_and_erasure_stands(
    known: DocumentCurrent | None, operation: Operation, expected: Step
) -> None:
    assert step_for(embedded(5, operation), known) is expected


def test_rows_are_written_before_the_version_becomes_current() -> None:
    world = FakeWorld(current(4))
    emits = run(world, embedded())
    assert world.acts == [("upsert", 2), ("delete", "harbour", "leave", 5), ("apply", 5, False)]
    assert [each.topic for each in emits] == [CURRENT_TOPIC, INDEXED_TOPIC, AUDIT_TOPIC]


def test_rows_carry_the_labels_and_no_plain_text() -> None:
    world = FakeWorld()
    run(world, embedded())
    row = world.rows[1]
    assert (row.tenant_id, row.document_id, row.document_version, row.ordinal) == ("harbour", "leave", 5, 1)
    assert (row.access, row.retention_until, row.model_digest) == (ACCESS, NOW_MS + 1, MODEL)
    assert (row.sealed_text, row.text_sha256) == (b"sealed", sha256(b"1"))
    assert row.embedding.tolist() == pytest.approx([0.6, 0.8])


def test_same_version_again_writes_the_same_rows() -> None:
    first, again = FakeWorld(), FakeWorld(current(5))
    run(first, embedded())
    run(again, embedded())
    assert [row.chunk_id for row in first.rows] == [row.chunk_id for row in again.rows]


def test_emitted_events_say_what_was_indexed() -> None:
    now_current, indexed, audit = (each.event for each in run(FakeWorld(), embedded()))
    assert isinstance(now_current, DocumentCurrent)
    assert (now_current.document_version, now_current.erased, now_current.chunk_count) == (5, False, 2)
    assert (now_current.access, now_current.retention_until) == (ACCESS, NOW_MS + 1)
    assert isinstance(indexed, DocumentIndexed)
    assert (indexed.chunk_count, indexed.model_digest) == (2, MODEL)
    digest = chunks_digest(MODEL, embedded().chunks)
    LineageVerifier(expected=(*STAGES, "indexing"), keys=KEYS).verify(indexed, output_sha256=digest)
    assert isinstance(audit, AuditEvent)
    assert audit.action == "document.indexed"
    assert "leave" not in repr(audit)


@pytest.mark.parametrize(
    ("known", "reason_code"),
    [
        (None, ""), (current(4), ""),
        (replace(current(4), access=replace(ACCESS, groups=("other",))), "LABELS_CHANGED"),
        (replace(current(4, erased=True), access=replace(ACCESS, groups=("other",))), ""),
    ],
)  # fmt: skip
def test_the_audit_event_says_when_labels_changed(known: DocumentCurrent | None, reason_code: str) -> None:
    audit = run(FakeWorld(known), embedded())[-1].event
    assert isinstance(audit, AuditEvent)
    assert (audit.action, audit.reason_code) == ("document.indexed", reason_code)


def test_erasure_deletes_every_version_and_writes_no_row() -> None:
    world = FakeWorld(current(5))
    emits = run(world, embedded(5, Operation.ERASE))
    assert world.acts == [
        ("delete", "harbour", "leave", None), ("shred", "harbour", "leave", 5), ("apply", 5, True)
    ]  # fmt: skip
    erased, audit = emits[0].event, emits[2].event
    assert isinstance(erased, DocumentCurrent)
    assert isinstance(audit, AuditEvent)
    assert erased.erased
    assert erased.erasure == Erasure(
        event_id=audit.event_id, keys_event_id="keys", completed_at=NOW_MS, rows_removed=3, secrets_destroyed=2
    )
    assert (audit.action, audit.attributes) == ("document.erased", {"row_count": "3", "secret_count": "2"})


def test_erasure_done_again_gives_the_same_receipt_and_the_same_leaf() -> None:
    world = FakeWorld(current(5))
    first = run(world, embedded(6, Operation.ERASE))
    done = first[0].event
    assert isinstance(done, DocumentCurrent)
    world.current = done
    again = run(world, embedded(6, Operation.ERASE))
    assert again[0].event == done
    assert again[2].event == first[2].event
    assert [name for name, *_ in world.acts].count("shred") == 2, "it is done again all the same"


def test_later_erasure_has_a_receipt_of_its_own() -> None:
    world = FakeWorld()
    world.current = run(world, embedded(6, Operation.ERASE))[0].event  # type: ignore[assignment]
    later = run(world, embedded(7, Operation.ERASE))[0].event
    assert isinstance(later, DocumentCurrent)
    assert later.erasure is not None
    assert world.current is not None
    assert later.erasure != world.current.erasure
    assert later.erasure.rows_removed == 0


def test_erasure_that_leaves_rows_is_not_called_done() -> None:
    world = FakeWorld(current(5))
    world.left = 1
    with pytest.raises(Unavailable) as refusal:
        run(world, embedded(6, Operation.ERASE))
    assert refusal.value.reason_code == "ERASURE_INCOMPLETE"
    assert [name for name, *_ in world.acts] == ["delete"]


@pytest.mark.parametrize("failure", [Unavailable("the key service does not answer"), AccessDenied("no such right")])
def test_erasure_is_not_called_done_while_secrets_are_left(failure: StaitheError) -> None:
    world = FakeWorld(current(5))
    world.failures["shred"] = failure
    with pytest.raises(type(failure)):
        run(world, embedded(6, Operation.ERASE))
    assert "apply" not in [name for name, *_ in world.acts]


@pytest.mark.parametrize("known", [current(6), current(5, erased=True), current(6, erased=True)])
def test_superseded_version_touches_nothing_and_is_audited(known: DocumentCurrent) -> None:
    world = FakeWorld(known)
    emits = run(world, embedded())
    assert world.acts == []
    assert [each.topic for each in emits] == [AUDIT_TOPIC]
    audit = emits[0].event
    assert isinstance(audit, AuditEvent)
    assert audit.action == "document.superseded"


@pytest.mark.parametrize("act", ["upsert", "delete"])
def test_unavailable_index_propagates_and_nothing_becomes_current(act: str) -> None:
    world = FakeWorld(current(4))
    world.failures[act] = Unavailable("Milvus does not answer")
    with pytest.raises(Unavailable):
        run(world, embedded())
    assert "apply" not in [name for name, *_ in world.acts]
    assert world.acts[-1][0] == act


def test_document_seen_for_the_first_time_costs_no_deletion() -> None:
    world = FakeWorld()
    run(world, embedded())
    assert [name for name, *_ in world.acts] == ["upsert", "apply"]


def test_erasure_of_an_unknown_document_deletes_all_the_same() -> None:
    world = FakeWorld()
    run(world, embedded(6, Operation.ERASE))
    assert ("delete", "harbour", "leave", None) in world.acts


def test_unavailable_index_keeps_an_erasure_from_being_called_done() -> None:
    world = FakeWorld(current(5))
    world.failures["delete"] = Unavailable("Milvus does not answer")
    with pytest.raises(Unavailable):
        run(world, embedded(6, Operation.ERASE))
    assert [name for name, *_ in world.acts] == ["delete"]


def test_other_event_is_refused() -> None:
    assert refused(FakeWorld(), current(5)) == "EVENT_TYPE"


def test_vectors_of_another_model_are_refused() -> None:
    assert refused(FakeWorld(), embedded(model_digest=b"n" * 32)) == "MODEL_MISMATCH"


@pytest.mark.parametrize(
    "chunks",
    [
        (chunk(1), chunk(0)),
        (chunk(0), chunk(0)),
        (chunk(1),),
        (chunk(0), chunk(2)),
        (chunk(0, embedding=b""),),
        (chunk(0, embedding=b"\0" * 4),),
        (chunk(0, embedding=b"\0" * 9),),
        (chunk(0), chunk(1, embedding=b"\0" * 12)),
    ],
)
def test_chunks_out_of_order_or_of_another_size_are_refused(chunks: tuple[Chunk, ...]) -> None:
    assert refused(FakeWorld(), embedded(chunks=chunks)) == "CHUNKS_MALFORMED"


@pytest.mark.parametrize(
    "changes",
    [
        {"document_version": 6},
        {"access": Access(Tier.OFFICE, (), Classification.INTERNAL)},
        {"operation": Operation.ERASE},
        {"tenant_id": TenantId("millrace")},
    ],
)
def test_relabelled_version_is_refused(changes: dict[str, Any]) -> None:
    assert refused(FakeWorld(), replace(embedded(), **changes)) == "LINEAGE_FORGED"


def test_version_without_lineage_or_with_other_chunks_is_refused() -> None:
    assert refused(FakeWorld(), replace(embedded(), lineage=())) == "LINEAGE_STAGES"
    assert refused(FakeWorld(), replace(embedded(), chunks=(chunk(0),))) == "LINEAGE_CONTENT"
    assert refused(FakeWorld(), replace(embedded(), chunks=(chunk(0, span_start=-1),))) == "LINEAGE_CONTENT"


def test_words_go_into_the_row_and_a_chunk_without_them_has_none() -> None:
    world = FakeWorld()
    stage(world)(embedded(chunks=(chunk(0, terms=b"\7\0\0\0\0\0\x80\x3f"), chunk(1))), ())
    assert [each.terms for each in world.rows] == [{7: 1.0}, {}]


def test_words_that_embedding_never_made_are_refused() -> None:
    assert refused(FakeWorld(), embedded(chunks=(chunk(0, terms=b"nonsense!"),))) == "TERMS_MALFORMED"
