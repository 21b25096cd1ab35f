"""The next batch may be worked on while one is committed; nothing is skipped then, and nothing committed too early."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from kernel_samples import FakeClock, FakeLogger

from staithe.kernel.errors import Unavailable
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.runtime import StreamConfig, StreamRuntime
from staithe.kernel.stream.settle import Settlement
from staithe.kernel.telemetry import Metrics

TOPIC = "documents.sanitized.v1"
GATE_SECONDS_MAX = 5.0


class FakeMessage:
    """A record of a partition."""

    def __init__(self, partition: int, offset: int) -> None:
        self._place = partition, offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def key(self) -> bytes:
        return b"harbour/leave"

    def value(self) -> bytes:
        return b"value"

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return (1, 1)


class FakeConsumer:
    """Hands out one batch for each poll; `on_poll` is what happens in the group meanwhile."""

    def __init__(self, batches: list[list[FakeMessage]]) -> None:
        self.batches, self.sought = batches, list[tuple[int, int]]()
        self.on_poll: list[Callable[[], None]] = []
        self._rest: list[FakeMessage] = []

    def poll(self, _: float) -> FakeMessage | None:
        if self.on_poll:
            self.on_poll.pop(0)()
        if not self.batches:
            return None
        first, *self._rest = self.batches.pop(0)
        return first

    def consume(self, count: int, _: float) -> list[FakeMessage]:
        assert len(self._rest) <= count
        return self._rest

    def seek(self, place: TopicPartition) -> None:
        self.sought.append((place.partition, place.offset))

    def assignment(self) -> list[TopicPartition]:
        return []

    def resume(self, _: Sequence[TopicPartition]) -> None:
        pass

    def position(self, _: Sequence[TopicPartition]) -> list[TopicPartition]:
        return []

    def consumer_group_metadata(self) -> None:
        return None


class FakeSettler:
    """Remembers what was begun and what has become durable."""

    def __init__(self) -> None:
        self.begun, self.durable = list[tuple[int, int]](), list[tuple[int, int]]()
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self, _: Sequence[Record]) -> None:
        pass

    def settle(self, record: Record) -> Settlement:
        assert self.gate.wait(GATE_SECONDS_MAX), "nothing opened the gate"
        self.begun.append((record.partition, record.offset))
        return Settlement(record, (), "")

    def committed(self, settlements: Sequence[Settlement]) -> None:
        self.durable += [(each.record.partition, each.record.offset) for each in settlements]


class FakeProducer:
    """Commits, or aborts as told; remembers what was begun at each commit."""

    def __init__(self, settler: FakeSettler) -> None:
        self.settler, self.aborts = settler, 0
        self.ends: list[dict[tuple[str, int], int]] = []
        self.begun: list[int] = []

    def commit(self, _: Sequence[Any], ends: dict[tuple[str, int], int], __: Any) -> bool:
        if self.aborts:
            self.aborts -= 1
            return False
        self.ends.append(ends)
        self.begun.append(len(self.settler.begun))
        return True


class Bench:
    """A runtime over fakes that owns partitions 0 and 1 and finds two batches."""

    def __init__(self, *, ahead: bool = True) -> None:
        first = [FakeMessage(0, 5), FakeMessage(0, 6), FakeMessage(1, 3)]
        second = [FakeMessage(0, 7), FakeMessage(1, 4)]
        self.consumer, self.settler = FakeConsumer([first, second]), FakeSettler()
        self.producer = FakeProducer(self.settler)
        parts: Any = {"metrics": Metrics("test"), "logger": FakeLogger(), "clock": FakeClock()}
        none: Any = None
        settler: Any = self.settler
        self.runtime = StreamRuntime(StreamConfig("embedding", 0, (TOPIC,), ahead=ahead), none, settler, **parts)
        self.gain(0, 1)

    def gain(self, *partitions: int) -> None:
        self.runtime._gained(self.consumer, [TopicPartition(TOPIC, each) for each in partitions])  # type: ignore[arg-type]

    def lose(self, *partitions: int) -> None:
        self.runtime._gave_up(self.consumer, [TopicPartition(TOPIC, each) for each in partitions])  # type: ignore[arg-type]

    def turn(self) -> None:
        """What the loop does once."""
        if self.runtime._under_way or self.runtime._begin(self.consumer, 0):  # type: ignore[arg-type]
            self.runtime._move(self.consumer, self.producer)  # type: ignore[arg-type]

    def idle(self) -> bool:
        return not self.runtime._under_way


def test_next_batch_is_under_way_while_one_is_committed() -> None:
    bench = Bench()
    bench.turn()
    bench.turn()
    assert [each[TOPIC, 0] for each in bench.producer.ends] == [7, 8]
    assert bench.settler.durable == [(0, 5), (0, 6), (1, 3), (0, 7), (1, 4)]
    assert bench.runtime._under_way == []


def test_next_batch_is_fetched_while_one_is_worked_on() -> None:
    bench = Bench()
    bench.settler.gate.clear()
    bench.consumer.on_poll = [lambda: None, bench.settler.gate.set]
    bench.turn()
    assert [each[TOPIC, 0] for each in bench.producer.ends] == [7]


def test_next_batch_that_cannot_be_worked_on_yet_has_everything_under_way_read_again() -> None:
    bench = Bench()

    def not_yet() -> None:
        raise Unavailable("the table is behind", reason_code="TABLE_BEHIND")

    def gain_another() -> None:
        bench.gain(2)
        bench.runtime._on_assigned = not_yet
        bench.runtime._stopping.set()  # or the pause before the next try would be slept

    bench.consumer.on_poll = [lambda: None, gain_another]
    bench.turn()
    assert not bench.producer.ends
    assert dict(bench.consumer.sought) == {0: 5, 1: 3}
    assert bench.idle()


def test_stage_that_keeps_state_gets_its_next_batch_after_the_commit() -> None:
    bench = Bench(ahead=False)
    bench.turn()
    assert bench.producer.begun == [3]
    assert bench.idle()
    bench.turn()
    assert bench.producer.begun == [3, 5]


def test_aborted_commit_has_everything_under_way_read_again() -> None:
    bench = Bench()
    bench.producer.aborts = 1
    bench.turn()
    assert bench.idle()
    assert dict(bench.consumer.sought) == {0: 5, 1: 3}, "the last place sought is the oldest batch's"
    assert not bench.settler.durable


def test_partition_lost_while_the_next_batch_is_fetched_is_not_committed() -> None:
    bench = Bench()
    bench.consumer.on_poll = [lambda: None, lambda: bench.lose(1)]
    bench.turn()
    assert not bench.producer.ends
    assert dict(bench.consumer.sought) == {0: 5}, "what is another member's is left alone"
    assert bench.idle()


def test_partition_lost_and_won_back_goes_on_where_its_new_life_began() -> None:
    bench = Bench()

    def lose_and_win() -> None:
        bench.lose(1)
        bench.gain(1)

    bench.consumer.on_poll = [lambda: None, lose_and_win]
    bench.turn()
    assert not bench.producer.ends
    assert dict(bench.consumer.sought) == {0: 5, 1: 4}


def test_stop_begins_nothing_more_and_commits_what_is_done() -> None:
    bench = Bench()
    bench.runtime._begin(bench.consumer, 0)  # type: ignore[arg-type]
    bench.runtime._stopping.set()
    bench.runtime._move(bench.consumer, bench.producer)  # type: ignore[arg-type]
    assert [each[TOPIC, 0] for each in bench.producer.ends] == [7]
    assert len(bench.settler.begun) == 3


@pytest.mark.parametrize("ahead", [True, False])
def test_nothing_to_read_is_no_batch(ahead: bool) -> None:
    bench = Bench(ahead=ahead)
    bench.consumer.batches.clear()
    bench.turn()
    assert bench.idle()
    assert not bench.producer.ends
