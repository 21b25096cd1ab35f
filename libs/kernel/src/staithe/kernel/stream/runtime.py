"""The one loop that moves events: consume a batch, run the stage, then produce and commit in one transaction.

What holds whenever this process dies: either the batch's outputs and its committed offsets are all visible, or none
are (Kafka transactions, KIP-98 and KIP-447). Effects outside Kafka are the stage's own; it must be idempotent.

A fatal error ends the stream and with it the process: whoever supervises it starts it again, from what is committed.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, StaitheError, Unavailable
from staithe.kernel.limits import BATCH_RECORDS_MAX, BATCH_WAIT_SECONDS
from staithe.kernel.stream.client import DenialWatch, KafkaAccess, arrived, wrap
from staithe.kernel.stream.pace import BATCH_SECONDS_TARGET, Pace
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.settle import Settlement, Settler, Stopping
from staithe.kernel.stream.transaction import TransactionalProducer
from staithe.kernel.telemetry import Headers, Logger, Metrics

SESSION_TIMEOUT_MS: Final = 10_000
BATCH_SECONDS_QUIET: Final = 2 * BATCH_SECONDS_TARGET
"""A batch that takes longer is a long one: from then on the consumer is polled while it is worked on."""
MEMBERSHIP_POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
FETCH_BYTES_MAX: Final = 16 * 1024 * 1024
"""Per partition fetch and local queue: two of the largest records, so memory stays bounded behind a slow stage."""


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What a stream reads, as whom, and how many records at once."""

    service: str
    replica: int
    topics: tuple[str, ...]
    concurrency: int = 1
    batch_records_max: int = BATCH_RECORDS_MAX


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
        self._owned: set[tuple[str, int]] = set()
        self._disowned: set[tuple[str, int]] = set()
        self._denial = DenialWatch()
        self._fresh_assignment = False
        self._maybe_paused = False
        self._pace = Pace(config.batch_records_max)
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
                    self._idle(consumer)
                    continue
                self._denial.check()
                batch = self._batch(consumer)
                if batch:
                    self._move(consumer, producer, batch)
        finally:
            producer.close()
            consumer.close()

    def _consumer(self, slot: str) -> Consumer:
        consumer = Consumer(
            self._access.config(
                hears=self._denial, group_id=self._config.service, enable_auto_commit=False,
                group_instance_id=_instance(slot, self._config.topics),
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
        self._disowned |= given_up
        self._logger.info("partitions_given_up", count=len(partitions))

    def _batch(self, consumer: Consumer) -> list[Record]:
        self._disowned.clear()
        if self._maybe_paused:
            # A partition that was paused when it was lost comes back paused, and would stay silent for ever.
            consumer.resume(consumer.assignment())
            self._maybe_paused = False
        records = []
        for message in arrived(consumer, self._pace.records, BATCH_WAIT_SECONDS):
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.fatal() or not error.retriable():
                raise wrap(error, "consuming")
        return records

    def _move(self, consumer: Consumer, producer: TransactionalProducer, batch: list[Record]) -> None:
        started = self._clock.monotonic()
        if not self._caught_up():
            self._rewind(consumer, batch)
            return
        settlements = self._settle(consumer, batch)
        if settlements is None or any((each.topic, each.partition) in self._disowned for each in batch):
            # Stopping, or part of the batch was meanwhile another member's: abandon it whole, commit nothing.
            self._rewind(consumer, batch)
            return
        outgoing = [each for settlement in settlements for each in settlement.outgoing]
        ends = {(each.topic, each.partition): each.offset + 1 for each in batch}
        if not producer.commit(outgoing, ends, consumer.consumer_group_metadata()):
            self._rewind(consumer, batch)
            return
        self._settler.committed(settlements)
        seconds = self._clock.monotonic() - started
        self._metrics.batch_seconds.observe(seconds)
        self._pace.took(len(batch), seconds)
        self._measure_lag(consumer)

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

    def _settle(self, consumer: Consumer, batch: list[Record]) -> list[Settlement] | None:
        """Run the stage over the batch, keeping group membership alive meanwhile; None when stopping."""
        self._settler.prepare(batch)
        # The largest first, so that no thread is left alone with a long one while the others have nothing to do.
        submitted = {
            number: self._pool.submit(self._settler.settle, record)
            for number, record in sorted(enumerate(batch), key=lambda each: -len(each[1].value or b""))
        }
        futures = [submitted[number] for number in range(len(batch))]
        try:
            _, unfinished = wait(futures, timeout=BATCH_SECONDS_QUIET)
            if unfinished:
                self._keep_membership(consumer, futures)
            return [future.result() for future in futures]
        except Stopping:
            return None
        finally:
            for future in futures:
                future.cancel()

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

    def _rewind(self, consumer: Consumer, batch: list[Record]) -> None:
        """Read the batch again: seek each partition that stayed ours to its first record in it.

        One that was lost and won back meanwhile starts at its committed offset, which may lie further on.
        """
        firsts: dict[tuple[str, int], int] = {}
        for record in batch:
            firsts.setdefault((record.topic, record.partition), record.offset)
        for (topic, partition), offset in firsts.items():
            if (topic, partition) in self._owned - self._disowned:
                consumer.seek(TopicPartition(topic, partition, offset))

    def _idle(self, consumer: Consumer) -> None:
        """Keep membership without taking records: somebody must look at the dead letters first."""
        consumer.pause(consumer.assignment())
        consumer.poll(MEMBERSHIP_POLL_SECONDS)

    def _measure_lag(self, consumer: Consumer) -> None:
        lags = dict.fromkeys(self._config.topics, 0)
        for each in consumer.position(consumer.assignment()):
            _, end = consumer.get_watermark_offsets(each, cached=True)
            if each.offset >= 0 and end >= 0:
                lags[each.topic] += max(0, end - each.offset)
        for topic, lag in lags.items():
            self._metrics.lag_records.labels(topic=topic).set(lag)


def _instance(slot: str, topics: Sequence[str]) -> str:
    """The static name of a group member, new when its topics change.

    A broker hands a member that comes back under its name the assignment it had, whatever it subscribes to now.
    """
    return f"{slot}-{hashlib.sha256(','.join(topics).encode()).hexdigest()[:8]}"


def record_of(message: Message) -> Record:
    """Librdkafka's message in our own type."""
    return Record(
        topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0,
        key=message.key(), value=message.value(), headers=_headers(message), timestamp_ms=message.timestamp()[1],
    )  # fmt: skip


def _headers(message: Message) -> Headers:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value if isinstance(value, bytes) else str(value or "").encode()) for name, value in pairs)
