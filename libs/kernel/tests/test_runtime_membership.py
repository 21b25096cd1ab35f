"""The stream keeps its membership and its partitions through whatever happens while a long batch is worked on."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import TopicPartition
from kernel_samples import FakeClock, FakeLogger

from staithe.kernel.stream.runtime import StreamConfig, StreamRuntime
from staithe.kernel.telemetry import Metrics

TOPIC = "documents.sanitized.v1"
ALL = (0, 1, 2)


class FakeMessage:
    """A record, as far as the loop looks at one."""

    def __init__(self, partition: int, offset: int) -> None:
        self._partition, self._offset = partition, offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset


class FakeConsumer:
    """Keeps a pause through loss and gain of a partition, as librdkafka does. `polls` is what each poll brings."""

    def __init__(self, polls: list[Callable[[], FakeMessage | None]]) -> None:
        self.polls, self.assigned, self.paused, self.sought = polls, set(ALL), set[int](), list[tuple[int, int]]()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, each) for each in sorted(self.assigned)]

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused |= {each.partition for each in partitions}

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused -= {each.partition for each in partitions}

    def seek(self, place: TopicPartition) -> None:
        self.sought.append((place.partition, place.offset))

    def poll(self, _: float) -> FakeMessage | None:
        return self.polls.pop(0)() if self.polls else None


class Bench:
    """A runtime over a fake consumer; `work` is a long batch that ends when the polls are used up."""

    def __init__(self) -> None:
        config, anything = StreamConfig("embedding", 0, (TOPIC,)), FakeLogger()
        parts: Any = {"metrics": Metrics("test"), "logger": anything, "clock": FakeClock()}
        none: Any = None
        self.runtime = StreamRuntime(config, none, none, **parts)
        self.consumer = FakeConsumer([])
        self.batch: Future[Any] = Future()

    def lose(self) -> None:
        self.consumer.assigned.clear()
        self.runtime._gave_up(self.consumer, [TopicPartition(TOPIC, each) for each in ALL])  # type: ignore[arg-type]

    def gain(self) -> None:
        self.consumer.assigned |= set(ALL)
        self.runtime._gained(self.consumer, [TopicPartition(TOPIC, each) for each in ALL])  # type: ignore[arg-type]

    def work(self, *polls: Callable[[], FakeMessage | None]) -> None:
        self.consumer.polls = [*polls, lambda: self.batch.set_result(None)]
        self.runtime._keep_membership(self.consumer, [self.batch])  # type: ignore[arg-type]

    def next_batch(self) -> None:
        self.runtime._begin(self.consumer, 0)  # type: ignore[arg-type]


def test_records_wait_while_a_long_batch_is_worked_on_and_flow_afterwards() -> None:
    bench = Bench()
    seen: list[set[int]] = []
    bench.work(lambda: seen.append(set(bench.consumer.paused)))
    assert seen == [set(ALL)]
    bench.next_batch()
    assert bench.consumer.paused == set()


def test_partitions_lost_during_a_long_batch_and_regained_after_it_do_not_stay_silent() -> None:
    bench = Bench()
    bench.work(bench.lose)
    bench.next_batch()
    bench.gain()
    bench.next_batch()
    assert bench.consumer.paused == set()


def test_partitions_gained_during_a_long_batch_wait_too_and_flow_afterwards() -> None:
    bench = Bench()
    bench.consumer.assigned.clear()
    seen: list[set[int]] = []
    bench.work(bench.gain, lambda: seen.append(set(bench.consumer.paused)))
    assert seen == [set(ALL)]
    bench.next_batch()
    assert bench.consumer.paused == set()


def test_record_fetched_before_its_partition_was_paused_is_read_again() -> None:
    bench = Bench()
    bench.work(lambda: FakeMessage(1, 7))
    assert bench.consumer.sought == [(1, 7)]
