"""Publishes single events durably, for services that answer a caller only after the broker has."""

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from staithe.kernel.errors import Unavailable
from staithe.kernel.events import Event
from staithe.kernel.limits import DEAD_LETTER_OVERHEAD_BYTES, RECORD_BYTES_MAX
from staithe.kernel.stream.client import COMPRESSION, KafkaAccess, wrap
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.telemetry import Headers

DELIVERY_SECONDS_MAX: Final = 8.0
"""A caller waits this long for the broker's acknowledgement before being told to try again."""
QUEUE_KIBIBYTES_MAX: Final = 64 * 1024
QUEUE_RECORDS_MAX: Final = 10_000
_POLL_SECONDS: Final = 0.05


class EventPublisher(Protocol):
    """Something that accepts events durably."""

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        """Return once the event is durable; raise Unavailable or AccessDenied otherwise."""
        ...


class Publisher:
    """An idempotent producer with acks=all; safe to call from many threads."""

    def __init__(self, access: KafkaAccess, codec: EventCodec) -> None:
        self._codec = codec
        self._producer = Producer(
            access.config(
                acks="all", enable_idempotence=True, linger_ms=2, compression_type=COMPRESSION,
                message_timeout_ms=int(DELIVERY_SECONDS_MAX * 1000),
                message_max_bytes=RECORD_BYTES_MAX + DEAD_LETTER_OVERHEAD_BYTES,
                queue_buffering_max_kbytes=QUEUE_KIBIBYTES_MAX, queue_buffering_max_messages=QUEUE_RECORDS_MAX,
            )
        )  # fmt: skip
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="publisher", daemon=True)
        self._poller.start()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(_POLL_SECONDS)

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        """Return once every in-sync replica has `event`.

        Raises Unavailable when that took too long (the event may still arrive: publish again with the same
        event_id), AccessDenied when this principal may not write the topic, InvalidEvent when it does not encode.
        """
        delivered: Future[None] = Future()

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(wrap(error, f"publishing to {topic}"))

        value = self._codec.encode(topic, event)
        try:
            self._producer.produce(topic, value=value, key=event.key, headers=list(headers), on_delivery=on_delivery)
        except BufferError as error:
            raise Unavailable("the producer's queue is full; try again", reason_code="PRODUCER_QUEUE_FULL") from error
        except KafkaException as error:
            raise wrap(error, f"publishing to {topic}") from error
        try:
            delivered.result(DELIVERY_SECONDS_MAX + 2)
        except FutureTimeoutError as error:
            raise Unavailable("the broker did not acknowledge in time", reason_code="KAFKA_UNAVAILABLE") from error

    def close(self) -> None:
        """Deliver what is queued, within DELIVERY_SECONDS_MAX, and stop."""
        self._producer.flush(DELIVERY_SECONDS_MAX)
        self._stopping.set()
        self._poller.join()
