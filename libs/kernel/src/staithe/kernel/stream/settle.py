"""Settles one record: decode it, run the stage, and turn the result or the failure into records to produce.

The class of an error decides the fate: InvalidEvent becomes a dead letter, Unavailable is retried here, and
AccessDenied, Integrity and ConfigurationError stop the stream. A crash of the stage itself is a dead letter too:
one bad record must not stop its neighbours, and the sealed original can be replayed once the fault is mended.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.crypto.sealing import Sealer
from staithe.kernel.errors import Erased, InvalidEvent, StaitheError, Unavailable
from staithe.kernel.events import DocumentEvent, DocumentSubmitted, Event, Outcome
from staithe.kernel.limits import RECORD_BYTES_MAX, RETRY_SECONDS_MAX
from staithe.kernel.stream.letters import REFUSED_TOPIC, dead_letter, refusal
from staithe.kernel.stream.record import Outgoing, Record
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.telemetry import Headers, Logger, Metrics, Tracer, traceparent_of
from staithe.kernel.topology import DEAD_LETTER_SUFFIX

AUDIT_TOPIC: Final = "audit.events.v1"
DEAD_LETTERS_PER_MINUTE_MAX: Final = 600
"""Ten a second: above this it is no bad document but a bad deployment, and the topic must not drain into the dlq."""

PUBLISHED_AT: Final = "published-at"
"""Header: milliseconds since the epoch at which the document's first record was produced, handed on by every stage."""
_MILLISECONDS_DIGITS_MAX: Final = 14


class Stopping(Exception):
    """The process is going down; whatever is under way is abandoned and will be read again."""


@dataclass(frozen=True, slots=True)
class Emit:
    """An event a stage wants to go to a topic."""

    topic: str
    event: Event


StageFunction = Callable[[Event, Headers], Sequence[Emit]]
"""A stage: an event and its headers in, events out. May raise any StaitheError; must be idempotent and thread-safe."""


Preparation = Callable[[Sequence[Event]], None]
"""What a stage does once for a batch before its records: fetch at once what each would fetch alone. Only for speed."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one record."""

    record: Record
    outgoing: tuple[Outgoing, ...]
    reason_code: str


class Settler:
    """Runs a stage over single records; safe to call from several threads."""

    def __init__(
        self, service: str, stage: StageFunction, codec: EventCodec, sealer: Sealer, *,
        metrics: Metrics, logger: Logger, clock: Clock, preparation: Preparation | None = None,
    ) -> None:  # fmt: skip
        self._service, self._stage, self._codec, self._sealer = service, stage, codec, sealer
        self._preparation = preparation
        self._metrics, self._logger, self._clock = metrics, logger, clock
        self._audit = AuditAuthor(service, clock)
        self._tracer = Tracer(service)
        self._stopped = threading.Event()
        self._recent_dead_letters: deque[float] = deque(maxlen=DEAD_LETTERS_PER_MINUTE_MAX)
        self._flooded = False

    def stop(self) -> None:
        """Make waiting retries raise Stopping."""
        self._stopped.set()

    def flooded(self) -> bool:
        """Whether too many records were dead-lettered in a minute; only a restart clears it."""
        return self._flooded

    def prepare(self, records: Sequence[Record]) -> None:
        """Run the stage's preparation over a batch; when it fails, each record finds out for itself."""
        if self._preparation is None:
            return
        events = []
        for each in records:
            with contextlib.suppress(StaitheError):
                events.append(self._codec.decode(each.topic, each.value))
        try:
            self._preparation(events)
        except Exception as error:  # noqa: BLE001 - it may fail on one bad record, which must not harm the others
            self._logger.warning("preparation_failed", error_class=type(error).__name__)

    def settle(self, record: Record) -> Settlement:
        """The outcome of one record, retrying in place while a dependency is unavailable.

        Raises Stopping at shutdown, and AccessDenied, Integrity or ConfigurationError when the stream must stop.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.1, max=RETRY_SECONDS_MAX),
            sleep=self._sleep,
            before_sleep=lambda state: self._note_retry(state.outcome.exception() if state.outcome else None),
        )
        outgoing, reason_code = retrying(self._attempt, record)
        return Settlement(record, outgoing, reason_code)

    def committed(self, settlements: Sequence[Settlement]) -> None:
        """Count what has become durable."""
        for each in settlements:
            fate = "dead_lettered" if each.reason_code else "moved"
            self._metrics.records.labels(topic=each.record.topic, fate=fate).inc()
            self._measure_age(each.record)
            if each.reason_code:
                self._count_dead_letter(each)

    def _measure_age(self, record: Record) -> None:
        now_ms = self._clock.now_ms()
        if record.timestamp_ms > 0:
            self._metrics.transit_seconds.observe(max(0, now_ms - record.timestamp_ms) / 1000)
            self._metrics.freshness_seconds.observe(max(0, now_ms - _published_at(record)) / 1000)

    def _count_dead_letter(self, settlement: Settlement) -> None:
        record = settlement.record
        self._metrics.dead_letters.labels(reason_code=settlement.reason_code).inc()
        self._logger.warning(
            "record_dead_lettered", topic=record.topic, partition=record.partition, offset=record.offset,
            reason_code=settlement.reason_code,
        )  # fmt: skip
        now = self._clock.monotonic()
        self._recent_dead_letters.append(now)
        window = self._recent_dead_letters
        if len(window) == DEAD_LETTERS_PER_MINUTE_MAX and now - window[0] < 60:
            self._flooded = True
            self._metrics.dead_letter_flood.set(1)
            self._logger.error("dead_letter_flood", reason_code="DEAD_LETTER_FLOOD", topic=record.topic)

    def _attempt(self, record: Record) -> tuple[tuple[Outgoing, ...], str]:
        if self._stopped.is_set():
            raise Stopping
        with self._tracer.span(f"{self._service} {record.topic}", record.headers):
            event: Event | None = None
            try:
                event = self._codec.decode(record.topic, record.value)
                return _sized(self._encode(self._staged(event, record), record)), ""
            except InvalidEvent as error:
                return self._dead_letter(record, event, error), error.reason_code
            except (StaitheError, Stopping):
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours; see the module's docstring
                self._logger.error("stage_crashed", error_class=type(error).__name__, topic=record.topic)
                crash = InvalidEvent(f"the stage crashed with {type(error).__name__}", reason_code="STAGE_CRASHED")
                return self._dead_letter(record, event, crash), crash.reason_code

    def _staged(self, event: Event, record: Record) -> Sequence[Emit]:
        """What the stage makes of the event; of an erased version only the audit event that says so."""
        try:
            return self._stage(event, record.headers)
        except Erased as error:
            if not isinstance(event, DocumentSubmitted | DocumentEvent):
                raise InvalidEvent("no event of a document", reason_code="EVENT_TYPE") from error
            audit = self._audit.about_document(
                "document.superseded", event, outcome=Outcome.REFUSED, reason_code=error.reason_code,
                traceparent=traceparent_of(record.headers),
            )  # fmt: skip
            return [Emit(AUDIT_TOPIC, audit)]

    def _encode(self, emits: Sequence[Emit], record: Record) -> tuple[Outgoing, ...]:
        passed_on = (
            *((name, value) for name, value in record.headers if name in ("traceparent", "tracestate")),
            (PUBLISHED_AT, b"%d" % _published_at(record)),
        )
        return tuple(
            Outgoing(each.topic, each.event.key, self._codec.encode(each.topic, each.event), passed_on)
            for each in emits
        )

    def _dead_letter(self, record: Record, event: Event | None, error: InvalidEvent) -> tuple[Outgoing, ...]:
        letter = dead_letter(self._service, record, error, self._sealer, now_ms=self._clock.now_ms())
        audit = self._audit.about_record(
            "record.dead_lettered", reason_code=error.reason_code,
            attributes={"topic": record.topic, "partition": str(record.partition), "offset": str(record.offset)},
        )  # fmt: skip
        emits = [Emit(record.topic + DEAD_LETTER_SUFFIX, letter), Emit(AUDIT_TOPIC, audit)]
        refused = refusal(letter, event)
        return self._encode(emits + ([Emit(REFUSED_TOPIC, refused)] if refused else []), record)

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise Stopping

    def _note_retry(self, error: BaseException | None) -> None:
        reason_code = error.reason_code if isinstance(error, StaitheError) else "UNKNOWN"
        self._metrics.retries.labels(reason_code=reason_code).inc()
        self._logger.warning("retrying_in_place", reason_code=reason_code)


def _published_at(record: Record) -> int:
    """When the source published the document, in milliseconds: for metrics only, since a source may write anything."""
    for name, value in record.headers:
        if name == PUBLISHED_AT and value.isdigit() and len(value) <= _MILLISECONDS_DIGITS_MAX:
            return int(value)
    return record.timestamp_ms


def _sized(outgoing: tuple[Outgoing, ...]) -> tuple[Outgoing, ...]:
    """`outgoing` if the broker will take it; found out inside a transaction, it would abort it again and again."""
    for each in outgoing:
        if len(each.value or b"") > RECORD_BYTES_MAX:
            raise InvalidEvent(
                f"the result for {each.topic} is larger than a record may be; split the document",
                reason_code="OUTPUT_TOO_LARGE",
            )
    return outgoing
