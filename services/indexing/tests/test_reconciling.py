"""The index is held against what is current, what differs is mended, and what only looks so for a moment is left."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from indexing_samples import FakeClock, FakeWorld, current, embedded, stage

from staithe.indexing.differences import Difference, DocumentName, Kind, differences
from staithe.indexing.reconciler import Reconciler, Round
from staithe.indexing.rounds import Rounds
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.errors import StaitheError, Unavailable
from staithe.kernel.events import AuditEvent, ChunksEmbedded, DocumentCurrent, document_subject
from staithe.kernel.telemetry import Metrics
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store.census import Census, Tally

TENANT, LEAVE, OTHER = TenantId("harbour"), DocumentId("leave"), DocumentId("other")
WHOLE = Tally(1, 0)


def of(kind: Kind, version: int, rows: int, document: DocumentId = LEAVE) -> Difference:
    return Difference(kind, TENANT, document, version, rows)


@pytest.mark.parametrize(
    ("state", "versions", "found"),
    [
        (current(5), {5: WHOLE}, set()),
        (current(5), {}, {of(Kind.ROWS_MISSING, 5, 0)}),
        (current(5), {5: Tally(1, 1)}, {of(Kind.ROWS_MISSING, 5, 1)}),
        (current(5), {5: Tally(2, 1)}, {of(Kind.ROWS_MISSING, 5, 2)}),
        (current(5), {5: WHOLE, 4: Tally(7, 6)}, {of(Kind.ROWS_OLD, 4, 7)}),
        (current(5), {5: WHOLE, 6: WHOLE}, {of(Kind.ROWS_AHEAD, 6, 1)}),
        (current(5, erased=True), {}, set()),
        (current(5, erased=True), {5: WHOLE, 3: WHOLE}, {of(Kind.ROWS_ERASED, 5, 1), of(Kind.ROWS_ERASED, 3, 1)}),
        (current(5, erased=True), {6: WHOLE}, {of(Kind.ROWS_AHEAD, 6, 1)}),
        (replace(current(5), chunk_count=0), {}, set()),
    ],
)
def test_every_way_in_which_a_document_can_differ(
    state: DocumentCurrent, versions: dict[int, Tally], found: set[Difference]
) -> None:
    assert differences([state], {(TENANT, LEAVE): versions} if versions else {}) == found


def test_rows_of_a_document_that_nobody_knows_are_ahead() -> None:
    assert differences([], {(TENANT, OTHER): {5: WHOLE}}) == {of(Kind.ROWS_AHEAD, 5, 1, OTHER)}


class FakeIndex:
    """Shows one census after the other, the last one for ever."""

    def __init__(self, *looks: Census) -> None:
        self.looks = list(looks)
        self.deleted: list[tuple[DocumentId, int | None]] = []
        self.failure: StaitheError | None = None

    def census(self) -> Census:
        if self.failure is not None:
            raise self.failure
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        assert tenant_id == TENANT
        self.deleted.append((document_id, keep_version))


class FakeEmbedded:
    """The topic; counts how often it was read."""

    def __init__(self, *events: ChunksEmbedded) -> None:
        self.events, self.reads = events, 0

    def of(self, names: Collection[DocumentName]) -> Iterable[ChunksEmbedded]:
        self.reads += 1
        return [each for each in self.events if (each.tenant_id, each.document_id) in names]


class Bench:
    """A reconciler over fakes."""

    def __init__(
        self, state: DocumentCurrent, *looks: Census, kept: Sequence[ChunksEmbedded] = (),
        restores: Callable[[ChunksEmbedded], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        self.index, self.embedded = FakeIndex(*looks), FakeEmbedded(*kept)
        self.restored: list[int] = []
        self.noted: list[AuditEvent] = []
        self.pauses = 0

        def restore(event: ChunksEmbedded) -> bool:
            self.restored.append(event.document_version)
            return restores(event)

        self.reconciler = Reconciler(
            self.index, self.embedded, current=lambda: [state], restore=restore, note=self.noted.append,
            audit=AuditAuthor("indexing", FakeClock()), pause=self._pause,
        )  # fmt: skip

    def _pause(self) -> None:
        self.pauses += 1


def test_agreement_costs_one_look_and_nothing_else() -> None:
    bench = Bench(current(5), {(TENANT, LEAVE): {5: WHOLE}})
    assert bench.reconciler.run() == Round((), ())
    assert (bench.pauses, bench.embedded.reads, bench.noted) == (0, 0, [])


def test_old_rows_are_deleted_up_to_their_version_and_the_log_knows() -> None:
    bench = Bench(current(5), {(TENANT, LEAVE): {5: WHOLE, 3: Tally(2, 1)}})
    done = bench.reconciler.run()
    assert done.mended == done.found == (of(Kind.ROWS_OLD, 3, 2),)
    assert bench.index.deleted == [(LEAVE, 4)]
    (note,) = bench.noted
    assert (note.action, note.reason_code, note.document_version) == ("index.repaired", "ROWS_OLD", 3)
    assert (note.subject_sha256, note.attributes) == (document_subject(TENANT, LEAVE), {"row_count": "2"})


def test_rows_of_an_erased_document_are_deleted() -> None:
    bench = Bench(current(5, erased=True), {(TENANT, LEAVE): {4: WHOLE}})
    assert bench.reconciler.run().left(Kind.ROWS_ERASED) == 0
    assert bench.index.deleted == [(LEAVE, 5)]


def test_what_is_gone_at_the_second_look_was_work_under_way() -> None:
    bench = Bench(current(5), {}, {(TENANT, LEAVE): {5: WHOLE}})
    assert bench.reconciler.run() == Round((), ())
    assert (bench.pauses, bench.restored) == (1, [])


def test_rows_ahead_are_told_and_never_touched() -> None:
    bench = Bench(current(5), {(TENANT, LEAVE): {5: WHOLE, 6: WHOLE}})
    done = bench.reconciler.run()
    assert (done.found, done.mended, bench.index.deleted) == ((of(Kind.ROWS_AHEAD, 6, 1),), (), [])
    assert done.left(Kind.ROWS_AHEAD) == 1


def test_missing_rows_come_back_from_the_event_of_exactly_that_version() -> None:
    bench = Bench(current(5), {}, kept=[embedded(4), embedded(5), embedded(5)])
    done = bench.reconciler.run()
    assert (done.mended, bench.restored, bench.embedded.reads) == ((of(Kind.ROWS_MISSING, 5, 0),), [5], 1)
    assert [each.reason_code for each in bench.noted] == ["ROWS_MISSING"]


@pytest.mark.parametrize("kept", [(), (embedded(4),)], ids=["topic forgot it", "topic has another version"])
def test_rows_that_nobody_has_any_more_stay_missing_and_are_told(kept: Sequence[ChunksEmbedded]) -> None:
    done = Bench(current(5), {}, kept=kept).reconciler.run()
    assert (done.mended, done.left(Kind.ROWS_MISSING)) == ((), 1)


def test_refused_restoration_counts_as_none() -> None:
    bench = Bench(current(5), {}, kept=[embedded(5)], restores=lambda _: False)
    assert bench.reconciler.run().mended == ()
    assert bench.noted == []


@pytest.mark.parametrize(
    ("known", "written"),
    [(current(5), True), (current(6), False), (current(4), False), (current(5, erased=True), False), (None, False)],
)
def test_only_the_current_version_is_written_again(known: DocumentCurrent | None, written: bool) -> None:
    world = FakeWorld(known)
    assert stage(world).restore(embedded(5)) is written
    assert [act[0] for act in world.acts] == (["upsert"] if written else [])


def test_forged_version_is_not_written_again() -> None:
    world = FakeWorld(current(5))
    with pytest.raises(StaitheError):
        stage(world).restore(replace(embedded(5), chunks=embedded(5).chunks[:1]))
    assert world.acts == []


class FakeRound:
    """Gives what it is told to."""

    def __init__(self, *outcomes: Round | StaitheError) -> None:
        self.outcomes, self.runs = list(outcomes), 0

    def run(self) -> Round:
        self.runs += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, StaitheError):
            raise outcome
        return outcome


class SilentLogger:
    """Remembers the names of lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, **_: Any) -> None:
        self.lines.append(event)


def rounds_of(fake: FakeRound, logger: Any, metrics: Metrics, *, ready: bool = True) -> Rounds:
    return Rounds(fake, ready=lambda: ready, minutes=0, metrics=metrics, logger=logger)


def test_failed_round_is_told_and_the_next_one_counts() -> None:
    found = (of(Kind.ROWS_OLD, 3, 2), of(Kind.ROWS_AHEAD, 6, 1))
    fake = FakeRound(Unavailable("no"), Round(found, found[:1]))
    metrics, logger = Metrics("indexing"), SilentLogger()

    async def check() -> None:
        rounds = rounds_of(fake, logger, metrics)
        await rounds.once()
        await rounds.once()

    asyncio.run(check())
    assert logger.lines == ["reconcile_failed", "index_differed"]
    value = metrics.registry.get_sample_value
    assert value("staithe_indexing_repairs_total", {"kind": "ROWS_OLD"}) == 1
    assert value("staithe_indexing_differences", {"kind": "ROWS_AHEAD"}) == 1
    assert value("staithe_indexing_reconcile_rounds_total") == 1


def test_before_everything_current_is_known_there_is_no_round() -> None:
    fake = FakeRound()

    async def check() -> None:
        rounds = rounds_of(fake, SilentLogger(), Metrics("indexing"), ready=False)
        rounds.wanted.set()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rounds.run(), 0.02)
        assert not rounds.wanted.is_set()

    asyncio.run(check())
    assert fake.runs == 0
