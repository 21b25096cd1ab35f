"""The producing half of a stream: outputs and committed offsets become visible together, or not at all (KIP-447)."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from staithe.kernel.clock import Clock
from staithe.kernel.limits import DEAD_LETTER_OVERHEAD_BYTES, RECORD_BYTES_MAX
from staithe.kernel.stream.client import COMPRESSION, KafkaAccess, is_lost_connection, wrap
from staithe.kernel.stream.record import Outgoing
from staithe.kernel.telemetry import Logger, Metrics

TRANSACTION_TIMEOUT_MS: Final = 15_000
TRANSACTION_SECONDS_MAX: Final = 25.0
"""The watchdog's deadline for a transaction: the broker has aborted it after 15 s, the rest is for hearing of it."""
AFTER_LOSS_SECONDS_MAX: Final = 8.0
"""The same once a broker went away during it: either it goes on within moments of the broker's return, or it hangs."""
STEP_SECONDS_MAX: Final = 10.0
INIT_SECONDS_MAX: Final = 10.0
QUEUE_KIBIBYTES_MAX: Final = 128 * 1024
WATCH_SECONDS: Final = 1.0
WATCHDOG_EXIT_CODE: Final = 70


class TransactionalProducer:
    """One static transactional id: a new process with the same slot fences the old one.

    A watchdog ends the process when a transaction passes its deadline, because librdkafka can hang for ever in
    send_offsets_to_transaction after a broker crash; whoever supervises the process starts it again.
    """

    def __init__(self, access: KafkaAccess, slot: str, *, metrics: Metrics, logger: Logger, clock: Clock) -> None:
        self._access, self._slot = access, slot
        self._metrics, self._logger, self._clock = metrics, logger, clock
        self._deadline = 0.0
        self._lost_connection = False
        self._closed = threading.Event()
        self._producer = self._made()

    def _made(self) -> Producer:
        return Producer(
            self._access.config(
                hears=self._hear, transactional_id=self._slot, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
                linger_ms=5, compression_type=COMPRESSION, queue_buffering_max_kbytes=QUEUE_KIBIBYTES_MAX,
                message_max_bytes=RECORD_BYTES_MAX + DEAD_LETTER_OVERHEAD_BYTES,
            )
        )  # fmt: skip

    def _hear(self, error: KafkaError) -> None:
        """Called by librdkafka from within poll()."""
        if is_lost_connection(error):
            self._lost_connection = True
            if self._deadline:
                self._deadline = min(self._deadline, self._clock.monotonic() + AFTER_LOSS_SECONDS_MAX)

    def init(self, stopping: threading.Event) -> None:
        """Fence earlier holders of the slot, waiting for a broker until `stopping`; raises KafkaException."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        while not (stopping.is_set() or self._initialised()):
            continue

    def commit(self, outgoing: Sequence[Outgoing], ends: Mapping[tuple[str, int], int], group: Any = None) -> bool:
        """Produce `outgoing` and commit `ends` for the consumer `group`, if there is one, in one transaction.

        Returns False when it was aborted: the batch must be read again. Raises AccessDenied, or Integrity when this
        producer is finished (fenced, or worse).
        """
        self._deadline = self._clock.monotonic() + TRANSACTION_SECONDS_MAX
        try:
            if not self._usable():
                return False
            return self._commit(outgoing, ends, group)
        finally:
            self._deadline = 0.0

    def _commit(self, outgoing: Sequence[Outgoing], ends: Mapping[tuple[str, int], int], group: Any) -> bool:
        try:
            self._producer.begin_transaction()
            for each in outgoing:
                self._produce(each)
            offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
            if group is not None:
                self._producer.send_offsets_to_transaction(offsets, group, STEP_SECONDS_MAX)
            _until_final(lambda: self._producer.commit_transaction(STEP_SECONDS_MAX))
        except KafkaException as error:
            failure = wrap(error, "committing")
            self._logger.warning("transaction_aborted", reason_code=failure.reason_code)
            self._metrics.retries.labels(reason_code="TRANSACTION_ABORTED").inc()
            if error.args[0].fatal():
                raise failure from error
            _until_final(lambda: self._producer.abort_transaction(STEP_SECONDS_MAX))
            return False
        return True

    def _usable(self) -> bool:
        """Start over with a new client when a broker went away since the last transaction; False: not yet.

        The old client's next transaction would often hang, stage after stage, until each one's watchdog fires.
        """
        self._producer.poll(0)
        if self._lost_connection:
            self._producer = self._made()
            if not self._initialised():
                return False
            self._lost_connection = False
        return True

    def _initialised(self) -> bool:
        """Whether the slot is ours now; False when no broker could say so in time. Raises KafkaException."""
        try:
            self._producer.init_transactions(INIT_SECONDS_MAX)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
            self._logger.warning("waiting_for_broker", reason_code=wrap(error, "init").reason_code)
            return False
        return True

    def close(self) -> None:
        """End the watchdog."""
        self._closed.set()

    def _produce(self, outgoing: Outgoing) -> None:
        """Queue one record, waiting for room in the local queue; the watchdog bounds the wait."""
        while True:
            try:
                self._producer.produce(
                    outgoing.topic, value=outgoing.value, key=outgoing.key, headers=list(outgoing.headers)
                )
            except BufferError:
                self._producer.poll(0.1)
                continue
            self._producer.poll(0)
            return

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            self._producer.poll(0)  # so that a lost connection is heard of while a call into librdkafka hangs
            if self._deadline and self._clock.monotonic() > self._deadline:
                self._logger.error("watchdog_exit", reason_code="TRANSACTION_STUCK")
                os._exit(WATCHDOG_EXIT_CODE)


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
