"""Settles dead letters: each replay or drop is one Kafka transaction, so it happened whole or not at all.

The transactional id is the same for every operator: whoever starts later shuts the earlier one out, and only then
reads what has been settled. So no letter is replayed twice, whenever and wherever a command is interrupted.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final

from staithe.cli.letter_box import SETTLED_TOPIC, Letter
from staithe.cli.local import LocalStack
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, InvalidEvent, Unavailable
from staithe.kernel.events import Outcome
from staithe.kernel.stopped import DeadLetterSettled, LetterState, RefusalState
from staithe.kernel.stream.letters import REFUSED_TOPIC, refusal
from staithe.kernel.stream.record import Outgoing
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.stream.transaction import TransactionalProducer
from staithe.kernel.telemetry import Metrics, configure_logging
from staithe.stack.identities import OPERATOR

SLOT: Final = f"{OPERATOR}-letters"
START_SECONDS_MAX: Final = 30.0


class LetterDesk:
    """The one place where letters are settled; a context manager."""

    def __init__(self, stack: LocalStack, codec: EventCodec, clock: Clock) -> None:
        self._codec, self._clock = codec, clock
        self._audit = AuditAuthor(OPERATOR, clock)
        metrics = Metrics(OPERATOR)
        logger = configure_logging(OPERATOR, replica=0, level="ERROR", metrics=metrics)
        self._producer = TransactionalProducer(
            stack.access(OPERATOR), SLOT, metrics=metrics, logger=logger, clock=clock
        )

    def __enter__(self) -> "LetterDesk":
        """Shut earlier holders of the desk out; raises Unavailable when the broker does not answer in time."""
        stopping = threading.Event()
        limit = threading.Timer(START_SECONDS_MAX, stopping.set)
        limit.start()
        try:
            self._producer.init(stopping)
        finally:
            limit.cancel()
        if stopping.is_set():
            raise Unavailable("the broker did not answer in time", reason_code="KAFKA_UNAVAILABLE")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._producer.close()

    def replay(self, letter: Letter) -> None:
        """Send the refused record again to where it was, exactly as it was.

        Raises InvalidEvent when the letter does not hold the whole record, Unavailable when another desk took over.
        """
        record = letter.record
        if record is None or not letter.whole:
            raise InvalidEvent("the letter does not hold the whole record", reason_code="LETTER_INCOMPLETE")
        again = Outgoing(record.topic, record.key, record.value, record.headers)
        refused = refusal(letter.letter, letter.event)
        told = [Emit(REFUSED_TOPIC, replace(refused, state=RefusalState.REPLAYED))] if refused else []
        self._commit([again, *self._encoded([*self._settling(letter, LetterState.REPLAYED), *told])])

    def drop(self, letter: Letter, reason: str) -> None:
        """Note that nothing will be done with the letter; its bytes stay until the topic's retention ends."""
        self._commit(self._encoded(self._settling(letter, LetterState.DROPPED, reason)))

    def _settling(self, letter: Letter, state: LetterState, reason: str = "") -> list[Emit]:
        dead, before = letter.letter, letter.settled
        settled = DeadLetterSettled(
            event_id=dead.event_id, state=state, topic=dead.topic, partition=dead.partition, offset=dead.offset,
            occurred_at=self._clock.now_ms(), reason=reason,
            replays=(before.replays if before else 0) + (state is LetterState.REPLAYED),
        )  # fmt: skip
        place = {"topic": dead.topic, "partition": str(dead.partition), "offset": str(dead.offset)}
        audit = self._audit.about_record(
            f"record.{state.value.lower()}", outcome=Outcome.SUCCESS, reason_code=dead.reason_code,
            attributes=place | ({"drop_reason": reason} if reason else {}),
        )  # fmt: skip
        return [Emit(SETTLED_TOPIC, settled), Emit(AUDIT_TOPIC, audit)]

    def _encoded(self, emits: Sequence[Emit]) -> list[Outgoing]:
        return [Outgoing(each.topic, each.event.key, self._codec.encode(each.topic, each.event), ()) for each in emits]

    def _commit(self, outgoing: Sequence[Outgoing]) -> None:
        try:
            committed = self._producer.commit(outgoing, {})
        except Integrity as error:
            raise Unavailable(
                "another operator's command has taken over; look at the list and start again",
                reason_code="LETTERS_TAKEN_OVER",
            ) from error
        if not committed:
            raise Unavailable("the transaction was aborted; run the command again", reason_code="TRANSACTION_ABORTED")
