"""Reads topics from outside any group: for tools that watch, count and list. It commits nothing and moves nothing."""

from collections.abc import Iterable
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from staithe.kernel.stream.client import REQUEST_SECONDS_MAX, KafkaAccess, arrived, record_of, wrap
from staithe.kernel.stream.record import Record

BATCH_RECORDS_MAX: Final = 500


class Tail:
    """A reader over every partition of some topics, committed records only."""

    def __init__(self, access: KafkaAccess, topics: Iterable[str], *, from_beginning: bool) -> None:
        """Start at the beginning, or at the end as it is now; raises AccessDenied or Unavailable."""
        self._consumer = Consumer(
            access.config(
                group_id=access.principal, enable_auto_commit=False, isolation_level="read_committed",
                enable_partition_eof=True,
            )
        )  # fmt: skip
        self._unfinished: set[tuple[str, int]] = set()
        try:
            self._consumer.assign([each for topic in topics for each in self._partitions(topic, from_beginning)])
        except KafkaException as error:
            raise wrap(error, "starting to read") from error

    def _partitions(self, topic: str, from_beginning: bool) -> list[TopicPartition]:
        found = self._consumer.list_topics(topic, timeout=REQUEST_SECONDS_MAX).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        self._unfinished.update((topic, each) for each in found.partitions)
        if from_beginning:
            return [TopicPartition(topic, each, OFFSET_BEGINNING) for each in found.partitions]
        ends = (self._consumer.get_watermark_offsets(TopicPartition(topic, each))[1] for each in found.partitions)
        # A fixed offset and not OFFSET_END, which would be looked up only later and miss what is written meanwhile.
        return [TopicPartition(topic, each, end) for each, end in zip(found.partitions, ends, strict=True)]

    def poll(self, timeout_seconds: float) -> list[Record]:
        """What has arrived, at most BATCH_RECORDS_MAX records; raises AccessDenied or Unavailable."""
        records: list[Record] = []
        for message in arrived(self._consumer, BATCH_RECORDS_MAX, timeout_seconds):
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - how librdkafka names its own codes
                self._unfinished.discard((message.topic() or "", message.partition() or 0))
            elif error.fatal() or not error.retriable():
                raise wrap(error, "reading")
        return records

    def finished(self) -> bool:
        """Whether the end of every partition has been seen at least once."""
        return not self._unfinished

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()
