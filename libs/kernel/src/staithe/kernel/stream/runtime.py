"""The one loop that moves events: consume a batch, run the stage, then produce and commit in one transaction.

What holds whenever this process dies: either the batch's outputs and its committed offsets are all visible, or none
are (Kafka transactions, KIP-98 and KIP-447). Effects outside Kafka are the stage's own; it must be idempotent.

A fatal error ends the stream and with it the process: whoever supervises it starts it again, from what is committed.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, StaitheError, Unavailable
from staithe.kernel.limits import BATCH_RECORDS_MAX, BATCH_WAIT_SECONDS
from staithe.kernel.stream.batch import Batch, Place
from staithe.kernel.stream.client import DenialWatch, KafkaAccess, arrived, record_of, static_member, wrap
from staithe.kernel.stream.pace import BATCH_SECONDS_TARGET, Pace
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.settle import Settlement, Settler, Stopping
from staithe.kernel.stream.transaction import TransactionalProducer
from staithe.kernel.telemetry import Logger, Metrics

SESSION_TIMEOUT_MS: Final = 10_000
BATCH_SECONDS_QUIET: Final = 2 * BATCH_SECONDS_TARGET
"""A batch that takes longer is a long one: from then on the consumer is polled while it is worked on."""
MEMBERSHIP_POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
FETCH_BYTES_MAX: Final = 16 * 1024 * 1024
"""Per partition fetch and local queue: two of the largest records, so memory stays bounded behind a slow stage."""


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What a stream reads, as whom, and how many records at once.

    `ahead`: the next batch waits for the stage while one is worked on, and is worked on while that one is committed.
    Only for a stage that keeps nothing from one record to the next, since a batch that cannot be committed is read
    again after the next one has begun.
    """

    service: str
    replica: int
    topics: tuple[str, ...]
    concurrency: int = 1
    batch_records_max: int = BATCH_RECORDS_MAX
    ahead: bool = False


class StreamRuntime:
    """Runs one stage over its input topics until stopped. One instance, one thread, one transactional id."""

    def __init__(
        self, config: StreamConfig, access: KafkaAccess, settler: Settler, *,
        metrics: Metrics, logger: Logger, clock: Clock, on_assigned: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._config, self._access, self._settler = config, access, settler
        self._metrics, self._logger, self._clock = metrics, logger, clock
        self._on_assigned = on_assigned
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._owned: set[Place] = set()
        self._under_way: list[Batch] = []
        self._denial = DenialWatch()
        self._fresh_assignment = False
        self._maybe_paused = False
        self._pace = Pace(config.batch_records_max)
        self._moved_at = 0.0
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="stage")
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.fatal: StaitheError | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        """Begin in a thread of its own; returns at once."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Finish or abandon the batch under way; True when the thread ended in time. Nothing is lost either way."""
        self._stopping.set()
        self._settler.stop()
        self.ended.wait(timeout_seconds)
        return self.ended.is_set()

    def working(self) -> bool:
        """Whether it has joined its group and has not failed."""
        return self._assigned.is_set() and self.fatal is None and not self._settler.flooded()

    def _run(self) -> None:
        try:
            self._loop()
        except StaitheError as error:
            self.fatal = error
        except KafkaException as error:
            self.fatal = wrap(error, "moving events")
        except Exception as error:  # noqa: BLE001 - a thread that ends unseen would look like an idle one
            self.fatal = Integrity(f"the stream crashed with {type(error).__name__}", reason_code="STREAM_CRASHED")
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if self.fatal is not None:
                self._logger.error("stream_stopped", reason_code=self.fatal.reason_code, message=self.fatal.message)
            self.ended.set()

    def _loop(self) -> None:
        slot = f"{self._config.service}-{self._config.replica}"
        producer = TransactionalProducer(
            self._access, slot, metrics=self._metrics, logger=self._logger, clock=self._clock
        )
        producer.init(self._stopping)
        consumer = self._consumer(slot)
        try:
            while not self._stopping.is_set():
                if self._settler.flooded():
                    self._abandon(consumer)
                    self._idle(consumer)
                    continue
                self._denial.check()
                if self._under_way or self._begin(consumer, BATCH_WAIT_SECONDS):
                    self._move(consumer, producer)
        finally:
            producer.close()
            consumer.close()

    def _consumer(self, slot: str) -> Consumer:
        consumer = Consumer(
            self._access.config(
                hears=self._denial, group_id=self._config.service, enable_auto_commit=False,
                group_instance_id=static_member(slot, self._config.topics),
                auto_offset_reset="earliest", isolation_level="read_committed",
                partition_assignment_strategy="cooperative-sticky", session_timeout_ms=SESSION_TIMEOUT_MS,
                heartbeat_interval_ms=2000, queued_max_messages_kbytes=FETCH_BYTES_MAX // 1024,
                fetch_max_bytes=FETCH_BYTES_MAX, max_partition_fetch_bytes=FETCH_BYTES_MAX // 2,
            )
        )  # fmt: skip
        consumer.subscribe(
            list(self._config.topics), on_assign=self._gained, on_revoke=self._gave_up, on_lost=self._gave_up
        )
        return consumer

    def _gained(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._owned.update((each.topic, each.partition) for each in partitions)
        self._fresh_assignment = self._maybe_paused = True
        self._assigned.set()
        self._logger.info("partitions_gained", count=len(partitions))

    def _gave_up(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        given_up = {(each.topic, each.partition) for each in partitions}
        self._owned -= given_up
        for batch in self._under_way:
            batch.lost |= given_up
        self._logger.info("partitions_given_up", count=len(partitions))

    def _begin(self, consumer: Consumer, wait_seconds: float) -> bool:
        """Fetch a batch and have the stage work on it; False when there was none, or it cannot be worked on yet."""
        if self._maybe_paused:
            # A partition that was paused when it was lost comes back paused, and would stay silent for ever.
            consumer.resume(consumer.assignment())
            self._maybe_paused = False
        batch = Batch(self._fetched(consumer, wait_seconds), begun=self._clock.monotonic())
        if not batch.records:
            return False
        self._under_way.append(batch)
        if not self._caught_up():
            self._abandon(consumer)
            return False
        self._settler.prepare(batch.records)
        batch.futures = self._submitted(batch.records)
        return True

    def _fetched(self, consumer: Consumer, wait_seconds: float) -> list[Record]:
        records = []
        for message in arrived(consumer, self._pace.records, wait_seconds):
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.fatal() or not error.retriable():
                raise wrap(error, "consuming")
        return records

    def _submitted(self, records: Sequence[Record]) -> list[Future[Settlement]]:
        """The largest first, so that no thread is left alone with a long one while the others have nothing to do."""
        submitted = {
            number: self._pool.submit(self._settler.settle, record)
            for number, record in sorted(enumerate(records), key=lambda each: -len(each[1].value or b""))
        }
        return [submitted[number] for number in range(len(records))]

    def _move(self, consumer: Consumer, producer: TransactionalProducer) -> None:
        """Finish the oldest batch under way and commit it, or have all that is under way read again."""
        batch = self._under_way[0]
        self._look_ahead(consumer)
        settlements = self._settle(consumer, batch) if batch in self._under_way else None
        if settlements is not None:
            self._look_ahead(consumer)
        # Stopping, or part of the batch was meanwhile another member's, or what came after it cannot be worked on yet.
        if settlements is None or batch not in self._under_way or batch.spoilt():
            self._abandon(consumer)
            return
        outgoing = [each for settlement in settlements for each in settlement.outgoing]
        if not producer.commit(outgoing, batch.ends(), consumer.consumer_group_metadata()):
            self._abandon(consumer)
            return
        self._under_way.remove(batch)
        self._settler.committed(settlements)
        self._measure(consumer, batch)

    def _look_ahead(self, consumer: Consumer) -> None:
        """Have the next batch fetched and prepared before the stage is free for it, so that it never waits for that."""
        if self._config.ahead and len(self._under_way) == 1 and not self._stopping.is_set():
            self._begin(consumer, 0)

    def _abandon(self, consumer: Consumer) -> None:
        """Read again all that is under way, from the oldest batch on: seek each partition that stayed ours to it.

        One that was lost and won back meanwhile starts at its committed offset, which may lie further on.
        """
        for batch in reversed(self._under_way):
            batch.cancel()
            for place, offset in batch.firsts():
                if place in self._owned:
                    consumer.seek(TopicPartition(*place, offset))
        self._under_way.clear()

    def _caught_up(self) -> bool:
        """Whether the stage knows what earlier owners of its partitions did; False: not yet, read the batch again."""
        if self._fresh_assignment and self._on_assigned is not None:
            try:
                self._on_assigned()
            except Unavailable as error:
                self._logger.warning("retrying_in_place", reason_code=error.reason_code)
                self._stopping.wait(RETRY_SECONDS)
                return False
        self._fresh_assignment = False
        return True

    def _settle(self, consumer: Consumer, batch: Batch) -> list[Settlement] | None:
        """What the stage made of the batch, keeping group membership alive meanwhile; None when stopping."""
        try:
            _, unfinished = wait(batch.futures, timeout=BATCH_SECONDS_QUIET)
            if unfinished:
                self._keep_membership(consumer, batch.futures)
            return [future.result() for future in batch.futures]
        except Stopping:
            return None
        finally:
            batch.cancel()

    def _keep_membership(self, consumer: Consumer, futures: Sequence[Future[Settlement]]) -> None:
        """Poll, paused, until all futures are done, so that rebalances are answered while a long batch is worked on.

        Not done for short batches: resuming throws away what was fetched ahead.
        """
        consumer.pause(consumer.assignment())
        while wait(futures, timeout=MEMBERSHIP_POLL_SECONDS).not_done:
            message = consumer.poll(0)
            if self._maybe_paused:
                consumer.pause(consumer.assignment())  # what was gained meanwhile waits, too
            if message is None:
                continue
            error = message.error()
            if error is None:
                # Fetched between a partition's gain and its pause: read again when its turn comes.
                consumer.seek(TopicPartition(message.topic() or "", message.partition() or 0, message.offset() or 0))
            elif error.fatal():
                raise wrap(error, "keeping membership")
        self._maybe_paused = True

    def _idle(self, consumer: Consumer) -> None:
        """Keep membership without taking records: somebody must look at the dead letters first."""
        consumer.pause(consumer.assignment())
        consumer.poll(MEMBERSHIP_POLL_SECONDS)

    def _measure(self, consumer: Consumer, batch: Batch) -> None:
        """A batch that was begun while the one before was committed counts from there."""
        now = self._clock.monotonic()
        seconds = now - max(batch.begun, self._moved_at)
        self._moved_at = now
        self._metrics.batch_seconds.observe(seconds)
        self._pace.took(len(batch.records), seconds)
        self._measure_lag(consumer)

    def _measure_lag(self, consumer: Consumer) -> None:
        lags = dict.fromkeys(self._config.topics, 0)
        for each in consumer.position(consumer.assignment()):
            _, end = consumer.get_watermark_offsets(each, cached=True)
            if each.offset >= 0 and end >= 0:
                lags[each.topic] += max(0, end - each.offset)
        for topic, lag in lags.items():
            self._metrics.lag_records.labels(topic=topic).set(lag)
