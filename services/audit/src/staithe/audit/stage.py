"""A batch of audit events to the log, each event once. Knows nothing of Kafka.

A crash or failure anywhere leaves the batch unacknowledged, so its source delivers it again; events that had
reached the log by then are found in the index, or read from the log when the index is behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from staithe.audit.dedup import EventIndex
from staithe.audit.entry import encode_entry, entry_event_id, event_id_bytes
from staithe.audit.limits import BATCH_ENTRIES_MAX
from staithe.audit.log import TransparencyLog
from staithe.audit.reader import LogReader
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import AuditEvent


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of a batch: every event is either new, a duplicate, or refused.

    `refused` has the position in the batch and the reason of every event that can never enter the log; they
    belong into the dead-letter topic, the others are durable.
    """

    new: int
    duplicates: int
    refused: tuple[tuple[int, InvalidEvent], ...]
    tree_size: int


class AppendStage:
    """Appends events to one log. For one thread; calls block on the disk, so run them off the event loop."""

    def __init__(self, log: TransparencyLog, index: EventIndex) -> None:
        """Bring the index up to the log; raises Integrity when they contradict each other, and Unavailable."""
        self._log = log
        self._index = index
        index.catch_up(log.reader())

    def append_events(self, batch: Sequence[AuditEvent]) -> AppendResult:
        """Append those events of `batch` that the log does not have; return when all are durable.

        Raises Unavailable when the disk fails: call again with the same batch. Raises Integrity when the log or
        the index is not what was written.
        """
        self._log.recover()
        reader = self._log.reader()
        self._index.catch_up(reader)
        entries: dict[bytes, bytes] = {}
        refused: list[tuple[int, InvalidEvent]] = []
        for position, event in enumerate(batch):
            try:
                self._admit(event, entries, reader)
            except InvalidEvent as error:
                refused.append((position, error))
        self._append(entries)
        return AppendResult(
            new=len(entries),
            duplicates=len(batch) - len(entries) - len(refused),
            refused=tuple(refused),
            tree_size=self._log.size,
        )

    def _admit(self, event: AuditEvent, entries: dict[bytes, bytes], reader: LogReader) -> None:
        """Put the entry of `event` into `entries` unless the log or `entries` has it; InvalidEvent if it may not."""
        entry = encode_entry(event)
        event_id = event_id_bytes(event.event_id)
        known = entries.get(event_id)
        if known is None:
            leaf_index = self._index.find(event_id)
            known = None if leaf_index is None else self._logged(leaf_index, event_id, reader)
        if known is None:
            entries[event_id] = entry
        elif known != entry:
            # Whoever reuses the id of another event would otherwise make that event, or this one, disappear.
            raise InvalidEvent("another event with this event_id is in the log", reason_code="EVENT_ID_REUSED")

    def _logged(self, leaf_index: int, event_id: bytes, reader: LogReader) -> bytes:
        """The entry that the index names. The log decides: a wrong index must not swallow an event."""
        entry = reader.entry(leaf_index) if leaf_index < reader.checkpoint.size else None
        if entry is None or entry_event_id(entry) != event_id:
            raise Integrity(
                "the audit index contradicts the log: stop the audit service, delete the index, start it again",
                reason_code="INDEX_WRONG",
            )
        return entry

    def _append(self, entries: dict[bytes, bytes]) -> None:
        event_ids = list(entries)
        for start in range(0, len(event_ids), BATCH_ENTRIES_MAX):
            some = event_ids[start : start + BATCH_ENTRIES_MAX]
            batch = [entries[event_id] for event_id in some]
            self._log.append(batch)
            self._index.record(batch, self._log.reader())
