"""Follows a compacted topic into memory: the newest event of each key, and whether we have them all.

It reads every partition from the start with `read_committed` and never commits: a restarted process reads again,
so there is no local state that could be stale. It never joins its group; librdkafka only wants one named.
"""

import threading
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from staithe.kernel.errors import StaitheError, Unavailable
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.stream.client import REQUEST_SECONDS_MAX, DenialWatch, KafkaAccess, arrived, wrap
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.telemetry import Logger
from staithe.kernel.vocabulary import DocumentId, TenantId, event_key

_POLL_SECONDS: Final = 0.1
RESTART_SECONDS: Final = 1.0
DOCUMENTS_MAX: Final = 2_000_000
"""About 1 GiB of labels; a larger estate needs the table on disk."""


class AboutDocument(Protocol):
    """An event about one version of one document."""

    @property
    def document_version(self) -> int: ...
    @property
    def key(self) -> bytes: ...


EventOf = TypeVar("EventOf", bound=AboutDocument)


class LatestTable(Generic[EventOf]):
    """The newest event of one class about each document: follows a compacted topic."""

    def __init__(
        self, access: KafkaAccess, codec: EventCodec, event_class: type[EventOf], *, topic: str, logger: Logger
    ) -> None:
        self._access, self._codec, self._topic, self._logger = access, codec, topic, logger
        self._event_class = event_class
        self._current: dict[bytes, EventOf] = {}
        self._ends: dict[int, int] = {}
        self._partitions = 0
        self._progress = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"table {topic}", daemon=True)
        self.fatal: StaitheError | None = None

    def start(self) -> None:
        """Begin following in a thread of its own; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following; returns when the thread has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(REQUEST_SECONDS_MAX)

    def caught_up(self) -> bool:
        """Whether everything that was in the topic when following began has been read."""
        with self._progress:
            return self.fatal is None and 0 < self._partitions == len(self._ends)

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> EventOf | None:
        """The newest event about the document, or None when there is none."""
        return self._current.get(event_key(tenant_id, document_id))

    def __len__(self) -> int:
        return len(self._current)

    def newest(self) -> list[EventOf]:
        """The newest event about every document, as of now."""
        return list(self._current.values())

    def apply(self, event: EventOf) -> None:
        """Take `event` in at once: for the writer of the topic, which need not wait to read itself."""
        known = self._current.get(event.key)
        if known is None or event.document_version >= known.document_version:
            self._current[event.key] = event

    def catch_up(self) -> None:
        """Return when everything committed to the topic before this call has been read.

        Blocks up to REQUEST_SECONDS_MAX; raises Unavailable after that.
        """
        consumer = Consumer(self._access.config(group_id=self._access.principal, isolation_level="read_committed"))
        try:
            partitions = _partition_count(consumer, self._topic)
            ends = {
                each: consumer.get_watermark_offsets(TopicPartition(self._topic, each), REQUEST_SECONDS_MAX)[1]
                for each in range(partitions)
            }
        except KafkaException as error:
            raise wrap(error, f"asking for the end of {self._topic}") from error
        finally:
            consumer.close()
        with self._progress:
            reached = self._progress.wait_for(lambda: self._has_read(ends), REQUEST_SECONDS_MAX)
        if not reached:
            raise Unavailable(f"{self._topic} could not be read to its end in time", reason_code="TABLE_BEHIND")

    def _has_read(self, ends: dict[int, int]) -> bool:
        return all(self._ends.get(partition, -1) >= end for partition, end in ends.items())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except KafkaException as error:
                self._logger.warning(
                    "table_restarts", topic=self._topic, reason_code=wrap(error, "following").reason_code
                )
                self._stopping.wait(RESTART_SECONDS)
            except Unavailable as error:
                self._logger.warning("table_restarts", topic=self._topic, reason_code=error.reason_code)
                self._stopping.wait(RESTART_SECONDS)
            except StaitheError as error:
                # A current event we cannot read means we no longer know what may be served: stop serving.
                self._logger.error("table_stopped", topic=self._topic, reason_code=error.reason_code)
                with self._progress:
                    self.fatal = error
                return

    def _follow(self) -> None:
        denial = DenialWatch()
        consumer = Consumer(
            self._access.config(
                hears=denial, group_id=self._access.principal, enable_auto_commit=False,
                isolation_level="read_committed",
                enable_partition_eof=True,
            )
        )  # fmt: skip
        try:
            partitions = _partition_count(consumer, self._topic)
            with self._progress:
                self._partitions, self._ends = partitions, {}
            consumer.assign([TopicPartition(self._topic, each, OFFSET_BEGINNING) for each in range(partitions)])
            while not self._stopping.is_set():
                denial.check()
                for message in arrived(consumer, 500, _POLL_SECONDS):
                    self._take(message)
        finally:
            consumer.close()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._take_event(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - how librdkafka names its own codes
            with self._progress:
                self._ends[message.partition() or 0] = message.offset() or 0
                self._progress.notify_all()
        elif error.fatal() or not error.retriable():
            raise KafkaException(error)

    def _take_event(self, message: Message) -> None:
        if message.value() is None:
            self._current.pop(message.key() or b"", None)
            return
        event = self._codec.decode(self._topic, message.value())
        assert isinstance(event, self._event_class)  # noqa: S101 - the topic's schema decides the class
        if len(self._current) >= DOCUMENTS_MAX and event.key not in self._current:
            raise Unavailable("more documents than this process can follow", reason_code="TABLE_FULL")
        self.apply(event)


class CurrentTable(LatestTable[DocumentCurrent]):
    """What may be served now, by document: follows `documents.current.v1`."""

    def __init__(
        self, access: KafkaAccess, codec: EventCodec, *, topic: str, logger: Logger,
        on_erased: Callable[[TenantId, DocumentId], None] | None = None,
    ) -> None:  # fmt: skip
        """`on_erased` hears of every erasure, on the thread that learns of it; it must not block."""
        super().__init__(access, codec, DocumentCurrent, topic=topic, logger=logger)
        self._on_erased = on_erased

    def apply(self, event: DocumentCurrent) -> None:
        """As LatestTable.apply."""
        super().apply(event)
        if event.erased and self._on_erased is not None:
            self._on_erased(event.tenant_id, event.document_id)


def _partition_count(consumer: Consumer, topic: str) -> int:
    metadata = consumer.list_topics(topic, timeout=REQUEST_SECONDS_MAX).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    return len(metadata.partitions)
