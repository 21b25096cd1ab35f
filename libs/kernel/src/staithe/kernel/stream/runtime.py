"""The one loop that moves events: consume a batch, run the stage, then produce and commit in one transaction.

What holds whenever this process dies: either the batch's outputs and its committed offsets are all visible, or none
are (Kafka transactions, KIP-98 and KIP-447). Effects outside Kafka are the stage's own; it must be idempotent.

A watchdog ends the process when a transaction passes its deadline, because librdkafka can hang for ever in
send_offsets_to_transaction after a broker crash; whoever supervises the process starts it again.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, StaitheError
from staithe.kernel.limits import BATCH_RECORDS_MAX, BATCH_WAIT_SECONDS
from staithe.kernel.stream.client import KafkaAccess, wrap
from staithe.kernel.stream.settle import Outgoing, Record, Settlement, Settler, Stopping
from staithe.kernel.telemetry import Headers, Logger, Metrics

SESSION_TIMEOUT_MS: Final = 10_000
TRANSACTION_TIMEOUT_MS: Final = 15_000
TRANSACTION_SECONDS_MAX: Final = 60.0
"""The watchdog's deadline for one transaction: four times what the broker itself would allow."""
MEMBERSHIP_POLL_SECONDS: Final = 0.2
"""While a batch is worked on, the consumer is polled this often, so that long batches never lose membership."""
FETCH_BYTES_MAX: Final = 16 * 1024 * 1024
"""Per partition fetch and local queue: two of the largest records, so memory stays bounded behind a slow stage."""
WATCHDOG_EXIT_CODE: Final = 70


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
        self._fresh_assignment = False
        self._deadline = 0.0
        self._pool = ThreadPoolExecutor(config.concurrency, thread_name_prefix="stage")
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.fatal: StaitheError | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        """Begin in a thread of its own; returns at once."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
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
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if self.fatal is not None:
                self._logger.error("stream_stopped", reason_code=self.fatal.reason_code, message=self.fatal.message)
            self.ended.set()

    def _loop(self) -> None:
        slot = f"{self._config.service}-{self._config.replica}"
        producer = self._producer(slot)
        consumer = self._consumer(slot)
        try:
            while not self._stopping.is_set():
                if self._settler.flooded():
                    self._idle(consumer)
                    continue
                batch = self._batch(consumer)
                if batch:
                    self._move(consumer, producer, batch)
        finally:
            consumer.close()

    def _producer(self, slot: str) -> Producer:
        producer = Producer(
            self._access.config(
                transactional_id=slot, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS, linger_ms=5,
                compression_type="zstd", message_max_bytes=8 * 1024 * 1024, queue_buffering_max_kbytes=128 * 1024,
            )
        )  # fmt: skip
        while not self._stopping.is_set():
            try:
                producer.init_transactions(10)
                break
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                self._logger.warning("waiting_for_broker", reason_code=wrap(error, "init").reason_code)
        return producer

    def _consumer(self, slot: str) -> Consumer:
        consumer = Consumer(
            self._access.config(
                group_id=self._config.service, group_instance_id=slot, enable_auto_commit=False,
                auto_offset_reset="earliest", isolation_level="read_committed",
                partition_assignment_strategy="cooperative-sticky", session_timeout_ms=SESSION_TIMEOUT_MS,
                heartbeat_interval_ms=2000, fetch_wait_max_ms=50, queued_max_messages_kbytes=FETCH_BYTES_MAX // 1024,
                fetch_max_bytes=FETCH_BYTES_MAX, max_partition_fetch_bytes=FETCH_BYTES_MAX // 2,
            )
        )  # fmt: skip
        consumer.subscribe(
            list(self._config.topics), on_assign=self._gained, on_revoke=self._gave_up, on_lost=self._gave_up
        )
        return consumer

    def _gained(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._owned.update((each.topic, each.partition) for each in partitions)
        self._fresh_assignment = True
        self._assigned.set()
        self._logger.info("partitions_gained", count=len(partitions))

    def _gave_up(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._owned.difference_update((each.topic, each.partition) for each in partitions)
        self._logger.info("partitions_given_up", count=len(partitions))

    def _batch(self, consumer: Consumer) -> list[Record]:
        records = []
        for message in consumer.consume(self._config.batch_records_max, BATCH_WAIT_SECONDS):
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.fatal() or not error.retriable():
                raise wrap(error, "consuming")
        return records

    def _move(self, consumer: Consumer, producer: Producer, batch: list[Record]) -> None:
        started = self._clock.monotonic()
        if self._fresh_assignment and self._on_assigned is not None:
            self._on_assigned()
        self._fresh_assignment = False
        settlements = self._settle(consumer, batch)
        if settlements is None or any((each.topic, each.partition) not in self._owned for each in batch):
            # Stopping, or part of the batch now belongs to another member: abandon it whole, commit nothing.
            self._rewind(consumer, batch)
            return
        outgoing = [each for settlement in settlements for each in settlement.outgoing]
        if not self._commit(consumer, producer, batch, outgoing):
            self._rewind(consumer, batch)
            return
        self._settler.committed(settlements)
        self._metrics.batch_seconds.observe(self._clock.monotonic() - started)
        self._measure_lag(consumer)

    def _settle(self, consumer: Consumer, batch: list[Record]) -> list[Settlement] | None:
        """Run the stage over the batch, keeping group membership alive meanwhile; None when stopping."""
        futures: list[Future[Settlement]] = [self._pool.submit(self._settler.settle, each) for each in batch]
        assignment = consumer.assignment()
        consumer.pause(assignment)
        try:
            for future in futures:
                while not future.done():
                    if consumer.poll(MEMBERSHIP_POLL_SECONDS / 20) is not None:
                        raise Integrity("a paused consumer returned a record", reason_code="STREAM_ORDER")
                    _wait(future)
            return [future.result() for future in futures]
        except Stopping:
            return None
        finally:
            for future in futures:
                future.cancel()
            consumer.resume([each for each in assignment if (each.topic, each.partition) in self._owned])

    def _commit(
        self, consumer: Consumer, producer: Producer, batch: list[Record], outgoing: Sequence[Outgoing]
    ) -> bool:
        """Produce and commit in one transaction; False when it was aborted and the batch must be read again."""
        ends = {(each.topic, each.partition): each.offset + 1 for each in batch}
        self._deadline = self._clock.monotonic() + TRANSACTION_SECONDS_MAX
        try:
            producer.begin_transaction()
            for each in outgoing:
                producer.produce(each.topic, value=each.value, key=each.key, headers=list(each.headers))
                producer.poll(0)
            offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 30)
            _until_final(lambda: producer.commit_transaction(30))
        except KafkaException as error:
            inner = error.args[0]
            self._logger.warning("transaction_aborted", reason_code=wrap(error, "committing").reason_code)
            self._metrics.retries.labels(reason_code="TRANSACTION_ABORTED").inc()
            if inner.fatal():
                # Fenced or worse: this producer is finished, and starting anew is what a restart does best.
                raise wrap(error, "committing") from error
            _until_final(lambda: producer.abort_transaction(30))
            return False
        finally:
            self._deadline = 0.0
        return True

    def _rewind(self, consumer: Consumer, batch: list[Record]) -> None:
        """Read the batch again: seek each partition we still own to its first record in it."""
        firsts: dict[tuple[str, int], int] = {}
        for record in batch:
            firsts.setdefault((record.topic, record.partition), record.offset)
        for (topic, partition), offset in firsts.items():
            if (topic, partition) in self._owned:
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

    def _watch(self) -> None:
        while not self.ended.wait(1.0):
            if self._deadline and self._clock.monotonic() > self._deadline:
                self._logger.error("watchdog_exit", reason_code="TRANSACTION_STUCK")
                os._exit(WATCHDOG_EXIT_CODE)


def record_of(message: Message) -> Record:
    """Librdkafka's message in our own type."""
    return Record(
        topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0,
        key=message.key(), value=message.value(), headers=_headers(message),
    )  # fmt: skip


def _headers(message: Message) -> Headers:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value if isinstance(value, bytes) else str(value or "").encode()) for name, value in pairs)


def _wait(future: Future[Settlement]) -> None:
    try:
        future.exception(timeout=MEMBERSHIP_POLL_SECONDS)
    except TimeoutError:
        return


def _until_final(step: Callable[[], None]) -> None:
    """Repeat a transaction step while librdkafka calls its failure retriable; the watchdog bounds this."""
    while True:
        try:
            step()
        except KafkaException as error:
            if error.args[0].retriable():
                continue
            raise
        return
