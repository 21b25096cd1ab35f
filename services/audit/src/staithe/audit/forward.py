"""Forwarding: reads the published log from the first leaf that was not acknowledged and hands it to a sink.

The log is the backlog: while the sink is down the events wait in it, in their order. What is forwarded was proven
against a checkpoint that extends the last one trusted. The position is saved after the acknowledgement, so that a crash
between the two sends one batch again, with the same leaf indices and event ids: at least once, never not at all.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)

from staithe.audit.entry import decode_entry
from staithe.audit.extension import CHANGED_PAST, check_extension
from staithe.audit.forward_state import ASKED_MAX, Forwarding, StateFolder
from staithe.audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.ocsf import fork_finding, ocsf_event
from staithe.audit.reader import LogReader, ReadableFiles, read_checkpoint
from staithe.audit.sinks.sink import Forwarded, Sink
from staithe.audit.tiles import TILE_WIDTH
from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, StaitheError, Unavailable
from staithe.kernel.events import AuditEvent

TRIES_MAX: Final = 8
"""Times a batch is sent in a row; with the pauses about a minute. Then the log is looked at anew; nothing is lost."""
PAUSE_SECONDS_MAX: Final = 30.0
"""Between two tries at most: a sink that is back gets its events within this time."""

ASKING: Final = frozenset({"document.erasure_requested", "document.retention_over"})
"""What may stand before an erasure."""


class Forwarder:
    """One log, one sink, one state. For one thread; every call may block on disk, log and sink."""

    def __init__(
        self, log: ReadableFiles, log_key: VerifierKey, state: StateFolder, sink: Sink, clock: Clock, *,
        stopping: threading.Event | None = None, pause_seconds: float = 0.5, tries: int = TRIES_MAX,
    ) -> None:  # fmt: skip
        """Raises Integrity when the saved state is not one of this log."""
        self._log, self._log_key, self._state, self._sink, self._clock = log, log_key, state, sink, clock
        self._kept = state.load()
        self._stopping = stopping or threading.Event()
        self._retrying = Retrying(
            retry=retry_if_exception_type(Unavailable), reraise=True, sleep=sleep_using_event(self._stopping),
            wait=wait_random_exponential(multiplier=pause_seconds, max=PAUSE_SECONDS_MAX),
            stop=stop_any(stop_after_attempt(tries), stop_when_event_set(self._stopping)),
            before_sleep=self._note_failure,
        )  # fmt: skip
        self.waiting = False
        self.log_size = self._kept.head.size if self._kept.head else 0

    @property
    def next_leaf(self) -> int:
        """The first leaf that was not acknowledged."""
        return self._kept.next_leaf

    def catch_up(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Forward what the log has and say how many events that were; `progress` gets the number of each batch.

        Raises Integrity when the log changed its past or its files prove nothing: nothing of them is forwarded then.
        Raises Unavailable when log or sink cannot be reached, AccessDenied and ConfigurationError as the sink does.
        """
        note = read_checkpoint(self._log)
        head = open_checkpoint(note, self._log_key)
        if self._kept.head is not None:
            try:
                check_extension(self._kept.head, head, self._log)
            except Integrity as error:
                if error.reason_code in CHANGED_PAST:
                    self._report(note, error)
                raise
        if head != self._kept.head:  # kept before anything of it leaves, so that no later crash forgets it
            self._state.save(replace(self._kept, note=note, head=head))
        self._kept, self.log_size = replace(self._kept, note=note, head=head), head.size
        reader, start = LogReader(self._log, head), self._kept.next_leaf
        while self._kept.next_leaf < head.size and not self._stopping.is_set():
            progress(self._forward_batch(reader))
        return self._kept.next_leaf - start

    def _forward_batch(self, reader: LogReader) -> int:
        first, kept = self._kept.next_leaf, self._kept
        entries = proven_bundle(reader, first // TILE_WIDTH)[first % TILE_WIDTH :]
        batch = []
        for leaf_index, entry in enumerate(entries, first):
            event = decode_entry(entry)
            shown, kept = ocsf_event(leaf_index, event, reader.checkpoint.origin), _remember(kept, event)
            if event.action == "document.erased":
                shown["unmapped"]["erasure_asked_for"] = str(_subject(event) in kept.asked).lower()
            batch.append(Forwarded(leaf_index, event.event_id, shown))
        self._retrying.copy()(self._sink.send, batch)
        self.waiting = False
        kept = replace(kept, next_leaf=first + len(batch))
        self._state.save(kept)
        self._kept = kept
        return len(batch)

    def _note_failure(self, _: RetryCallState) -> None:
        self.waiting = True

    def _report(self, note: bytes, error: Integrity) -> None:
        """Keep the proof and tell the sink once; the process ends in any case."""
        self._state.keep_refused(note)
        event_id, finding = fork_finding(note, error.reason_code, self._clock.now_ms(), self._log_key.name)
        try:
            self._sink.send([Forwarded(None, event_id, finding)])
        except StaitheError:
            return  # the exit code and the log line of the process say it as well


def proven_bundle(reader: LogReader, index: int) -> list[bytes]:
    """The entries of a bundle, each of which the checkpoint's root covers; raises Integrity otherwise.

    One audit path is enough: the path of the bundle's first leaf is made of the hashes of all its other leaves.
    """
    entries, hashes = reader.bundle(index), reader.hashes(0, index)
    if [leaf_hash(entry) for entry in entries] != hashes:
        raise Integrity("an entry of the log is not what its tile says", reason_code="ENTRY_NOT_IN_LOG")
    head, first = reader.checkpoint, index * TILE_WIDTH
    verify_inclusion(hashes[0], first, head.size, inclusion_proof(first, head.size, reader.node), head.root)
    return entries


def _remember(kept: Forwarding, event: AuditEvent) -> Forwarding:
    if event.action not in ASKING or event.subject_sha256 is None:
        return kept
    subject = _subject(event)
    asked = (*(each for each in kept.asked if each != subject), subject)
    return replace(kept, asked=asked[-ASKED_MAX:])


def _subject(event: AuditEvent) -> str:
    return event.subject_sha256.hex() if event.subject_sha256 is not None else ""
