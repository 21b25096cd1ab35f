"""The mended flush and reads, on a collection that flushes as Milvus Lite does; the real one is in tests/contract."""

import threading

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.stack import milvus_lite_program
from staithe.stack.milvus_lite_program import READ_ATTEMPTS_MAX, READS, mend, steady_read


class FakeCollection:
    """Rows in a memory table, moved to a segment by a flush in two steps; tests act between those."""

    def __init__(self, rows: list[str]) -> None:
        self._maintenance_lock = threading.RLock()
        self._memtable = rows
        self.segment: list[str] = []
        self.reads = 0

    def between_steps(self) -> None:
        """What happens while the rows are in neither place."""

    def after_segments(self) -> None:
        """What happens between the two looks of a read."""

    def _trigger_flush(self) -> None:
        rows, self._memtable = self._memtable, []
        self.between_steps()
        with self._maintenance_lock:
            self.segment = self.segment + rows

    def search(self) -> list[str]:
        self.reads += 1
        with self._maintenance_lock:
            seen = list(self.segment)
        self.after_segments()
        return seen + self._memtable

    query = get = _num_entities = search


@pytest.fixture
def mended() -> type[FakeCollection]:
    class Mended(FakeCollection):
        pass

    mend(Mended)
    return Mended


def during_a_flush(kind: type[FakeCollection], read: str) -> list[str]:
    """What another thread reads that begins between the two steps of a flush."""
    collection = kind(["a", "b"])
    answers: list[list[str]] = []
    reader = threading.Thread(target=lambda: answers.append(getattr(collection, read)()))

    def look() -> None:
        reader.start()
        reader.join(timeout=0.05)  # Ends by itself where nothing holds it up; the mended one waits for the lock.

    collection.between_steps = look  # type: ignore[method-assign]
    collection._trigger_flush()
    reader.join()
    return answers[0]


@pytest.mark.parametrize("read", READS)
def test_a_read_that_begins_during_a_flush_sees_every_row(mended: type[FakeCollection], read: str) -> None:
    assert during_a_flush(mended, read) == ["a", "b"]


def test_the_fault_is_there_without_the_mending() -> None:
    assert during_a_flush(FakeCollection, "search") == []


def test_a_flush_between_the_two_looks_of_a_read_makes_it_look_again(mended: type[FakeCollection]) -> None:
    collection = mended(["a"])

    def flush_once() -> None:
        if collection.reads == 1:
            collection._trigger_flush()

    collection.after_segments = flush_once  # type: ignore[method-assign]
    assert collection.search() == ["a"]
    assert collection.reads == 2


def test_a_read_that_is_disturbed_each_time_ends_under_the_lock() -> None:
    collection = FakeCollection(["a"])

    def disturb() -> None:
        if collection.reads <= READ_ATTEMPTS_MAX:
            collection._trigger_flush()

    collection.after_segments = disturb  # type: ignore[method-assign]
    assert steady_read(FakeCollection.search)(collection) == ["a"]
    assert collection.reads == READ_ATTEMPTS_MAX + 1


def test_another_version_of_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_lite_program, "PROVEN_VERSION", "0.0.1")
    with pytest.raises(ConfigurationError, match="make setup"):
        milvus_lite_program.main()
