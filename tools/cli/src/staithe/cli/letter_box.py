"""The dead letters of an installation as an operator sees them: where from, why, whose, and what was done with each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from staithe.cli.local import LocalStack
from staithe.kernel.crypto.sealing import Opener
from staithe.kernel.errors import ConfigurationError, Erased, Integrity, InvalidEvent
from staithe.kernel.events import DeadLettered, Event
from staithe.kernel.stopped import DeadLetterSettled
from staithe.kernel.stream.letters import is_whole, opened_record
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.topology import DEAD_LETTER_SUFFIX

SETTLED_TOPIC: Final = "letters.settled.v1"


class LetterStatus(StrEnum):
    """What was done with a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, opened: the record and the event in it, as far as they can be read."""

    letter: DeadLettered
    record: Record | None
    event: Event | None
    settled: DeadLetterSettled | None = None

    @property
    def status(self) -> LetterStatus:
        """Open until somebody has settled it."""
        return LetterStatus[self.settled.state.name] if self.settled else LetterStatus.OPEN

    @property
    def whole(self) -> bool:
        """Whether it holds the very bytes that were refused."""
        return self.record is not None and is_whole(self.letter, self.record)

    @property
    def document(self) -> tuple[str, str, int]:
        """Tenant, document and version: from the event, else from the record's key, as far as known."""
        if self.event is not None:
            version = getattr(self.event, "document_version", 0) or getattr(self.event, "occurred_at", 0)
            tenant, document = getattr(self.event, "tenant_id", ""), getattr(self.event, "document_id", "")
            return str(tenant), str(document), version if document else 0
        key = (self.record.key or b"") if self.record else b""
        tenant, slash, document = key.decode(errors="replace").partition("/")
        return (tenant, document, 0) if slash else ("", "", 0)

    def summary(self, *, now_ms: int) -> dict[str, Any]:
        """What `dlq list` shows: places and reasons, no content."""
        letter, (tenant, document, version) = self.letter, self.document
        return {
            "id": letter.event_id, "place": letter.place, "reason_code": letter.reason_code, "stage": letter.service,
            "topic": letter.topic, "tenant_id": tenant, "document_id": document, "document_version": version,
            "record_bytes": letter.record_bytes, "occurred_at": letter.occurred_at,
            "age_seconds": max(0, now_ms - letter.occurred_at) // 1000, "state": self.status.value,
            "replays": self.settled.replays if self.settled else 0,
            "drop_reason": self.settled.reason if self.settled else "",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; an empty field takes all."""

    ids: frozenset[str] = frozenset()
    topic: str = ""
    reason_code: str = ""
    tenant_id: str = ""
    since_ms: int = 0
    states: frozenset[LetterStatus] = field(default=frozenset(LetterStatus))

    @property
    def everything(self) -> bool:
        """Whether nothing narrows it down."""
        return not (self.ids or self.topic or self.reason_code or self.tenant_id or self.since_ms)

    def takes(self, letter: Letter) -> bool:
        """Whether it is one of these."""
        dead = letter.letter
        return (
            (not self.ids or not self.ids.isdisjoint((dead.event_id, dead.place)))
            and self.topic in ("", dead.topic, dead.topic + DEAD_LETTER_SUFFIX)
            and self.reason_code in ("", dead.reason_code)
            and self.tenant_id in ("", letter.document[0])
            and dead.occurred_at >= self.since_ms
            and letter.status in self.states
        )


class LetterBox:
    """Reads every dead-letter topic, with the operator's access and keys; writes nothing."""

    def __init__(self, stack: LocalStack, codec: EventCodec, opener: Opener) -> None:
        self._stack, self._codec, self._opener = stack, codec, opener
        self._topics = [each.name for each in stack.topology.all_topics() if each.name.endswith(DEAD_LETTER_SUFFIX)]

    def settled(self) -> Mapping[str, DeadLetterSettled]:
        """What has been done with which letter, by event id, up to now."""
        found = self._stack.events([SETTLED_TOPIC], self._codec)
        return {each.event_id: each for each in found if isinstance(each, DeadLetterSettled)}

    def letters(self, wanted: Wanted, settled: Mapping[str, DeadLetterSettled]) -> Iterator[Letter]:
        """The letters that `wanted` takes, oldest first within a topic, one at a time: each may be 8 MiB."""
        for event in self._stack.events(self._topics, self._codec):
            if isinstance(event, DeadLettered):
                letter = self._opened(event, settled.get(event.event_id))
                if wanted.takes(letter):
                    yield letter

    def one(self, name: str) -> Letter:
        """The letter of this id or place; raises ConfigurationError when there is none, or several."""
        found = list(self.letters(Wanted(frozenset({name})), self.settled()))
        if len(found) != 1:
            what = "several letters have the place; give the id of one" if found else "there is no such dead letter"
            raise ConfigurationError(f"{what}: `staithe dlq list --all` shows them", reason_code="LETTER_UNKNOWN")
        return found[0]

    def _opened(self, letter: DeadLettered, settled: DeadLetterSettled | None) -> Letter:
        try:
            record = opened_record(letter, self._opener)
        except (Integrity, Erased):  # its key was destroyed, or is another's: what the letter says in clear is left
            return Letter(letter, None, None, settled)
        try:
            return Letter(letter, record, self._codec.decode(letter.topic, record.value), settled)
        except (InvalidEvent, KeyError):
            return Letter(letter, record, None, settled)
