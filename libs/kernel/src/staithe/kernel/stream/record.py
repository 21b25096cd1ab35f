"""Records as Kafka delivers and takes them."""

from dataclasses import dataclass

from staithe.kernel.telemetry import Headers


@dataclass(frozen=True, slots=True)
class Record:
    """A record as Kafka delivered it. `timestamp_ms` is its producer's clock, 0 when there is none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to produce."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
