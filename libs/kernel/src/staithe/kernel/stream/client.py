"""How every client connects to Kafka: SCRAM-SHA-512 over TLS 1.3, one principal per service."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from staithe.kernel.errors import AccessDenied, Integrity, StaitheError, Unavailable
from staithe.kernel.files import read_password
from staithe.kernel.settings import ServiceSettings
from staithe.kernel.stream.record import Record
from staithe.kernel.telemetry import Headers

COMPRESSION: Final = "gzip"
"""The one codec every client reads by itself: aiokafka, under Faust, stops for good at a zstd or lz4 batch unless
another library is installed, and the audit service then logs nothing while it looks well."""
REQUEST_SECONDS_MAX: Final = 30.0
"""For metadata and admin calls; a broker that takes longer is treated as unavailable."""

_LOST: Final = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT})  # noqa: SLF001 - its own codes

_DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._AUTHENTICATION,  # noqa: SLF001 - how librdkafka names its own codes
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where the brokers are and who we are to them."""

    bootstrap: str
    principal: str
    password_file: Path
    ca_file: Path

    @classmethod
    def of(cls, service: str, settings: ServiceSettings) -> "KafkaAccess":
        """The access that a service's settings describe; raises ConfigurationError when its password is not usable."""
        read_password(settings.kafka_password_file)  # now, and not in a thread that is already consuming
        return cls(settings.kafka_bootstrap, service, settings.kafka_password_file, settings.ca_file)

    def config(self, *, hears: Callable[[KafkaError], None] | None = None, **overrides: Any) -> dict[str, Any]:
        """librdkafka configuration; `overrides` use underscores for dots, `hears` is told of every error."""
        common: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.principal,
            "sasl.password": read_password(self.password_file),
            "ssl.ca.location": str(self.ca_file),
            "ssl.endpoint.identification.algorithm": "https",
            "client.id": f"staithe-{self.principal}",
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 0,
        }
        if hears is not None:
            common["error_cb"] = hears
        return common | {name.replace("_", "."): value for name, value in overrides.items()}


class DenialWatch:
    """Remembers that the broker refused our identity: librdkafka tells only `error_cb`, and tries for ever."""

    def __init__(self) -> None:
        self._denial: AccessDenied | None = None

    def __call__(self, error: KafkaError) -> None:
        failure = wrap(error, "connecting")
        if isinstance(failure, AccessDenied):
            self._denial = failure

    def check(self) -> None:
        """Raise AccessDenied if the broker has refused us."""
        if self._denial is not None:
            raise self._denial


def static_member(slot: str, topics: Sequence[str]) -> str:
    """The static name of a group member (KIP-345), new when its topics change.

    A broker hands a member that comes back under its name the assignment it had, whatever it subscribes to now.
    """
    return f"{slot}-{hashlib.sha256(','.join(topics).encode()).hexdigest()[:8]}"


def is_lost_connection(error: KafkaError) -> bool:
    """Whether the error says that a broker went away."""
    return error.code() in _LOST


def arrived(consumer: Consumer, records_max: int, wait_seconds: float) -> list[Message]:
    """What has arrived: waits for the first record only, up to `wait_seconds`, and takes what is there behind it.

    librdkafka's own `consume` waits for a full batch, which adds its whole time limit to a lone document's latency
    at every stage; behind a backlog the local queue fills the batch anyway.
    """
    first = consumer.poll(wait_seconds)
    return [] if first is None else [first, *(consumer.consume(records_max - 1, 0) if records_max > 1 else ())]


def wrap(error: KafkaException | KafkaError, doing: str) -> StaitheError:
    """Our error for librdkafka's, naming what was being done."""
    inner = error.args[0] if isinstance(error, KafkaException) else error
    where = f"{doing} ({inner.name()})"
    if inner.code() in _DENIED:
        return AccessDenied(where, reason_code="KAFKA_DENIED")
    if inner.fatal():
        return Integrity(where, reason_code="KAFKA_FATAL")
    return Unavailable(where, reason_code="KAFKA_UNAVAILABLE")


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
