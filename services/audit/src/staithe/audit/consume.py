"""Turns records into log entries and what can't be one into dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass

from staithe.audit.stage import AppendResult, AppendStage
from staithe.kernel.clock import Clock
from staithe.kernel.crypto.sealing import Sealer
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent
from staithe.kernel.stream.letters import dead_letter
from staithe.kernel.stream.record import Outgoing, Record
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.topology import DEAD_LETTER_SUFFIX

SERVICE = "audit"


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that can't enter the log."""

    outgoing: Outgoing
    reason_code: str


class AuditConsumer:
    """Appends batches of records to the log; for one thread."""

    def __init__(self, stage: AppendStage, codec: EventCodec, sealer: Sealer, clock: Clock) -> None:
        self._stage, self._codec, self._sealer, self._clock = stage, codec, sealer, clock

    def append(self, records: Sequence[Record]) -> tuple[AppendResult, list[Refused]]:
        """Return when every acceptable event of the batch is durable, with the others as dead letters.

        Raises Unavailable when the disk or the registry can't answer: call again with the same batch.
        """
        refused: list[Refused] = []
        readable: list[tuple[Record, AuditEvent]] = []
        for record in records:
            try:
                readable.append((record, self._decode(record)))
            except InvalidEvent as error:
                refused.append(self._refuse(record, error))
        result = self._stage.append_events([event for _, event in readable])
        refused += [self._refuse(readable[position][0], error) for position, error in result.refused]
        return result, refused

    def _decode(self, record: Record) -> AuditEvent:
        event = self._codec.decode(record.topic, record.value)
        if not isinstance(event, AuditEvent):
            raise InvalidEvent("not an AuditEvent", reason_code="EVENT_TYPE")
        return event

    def _refuse(self, record: Record, error: InvalidEvent) -> Refused:
        letter = dead_letter(SERVICE, record, error, self._sealer, now_ms=self._clock.now_ms())
        topic = record.topic + DEAD_LETTER_SUFFIX
        return Refused(Outgoing(topic, letter.key, self._codec.encode(topic, letter), ()), error.reason_code)
