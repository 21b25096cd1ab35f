"""Watches a stack while it is hurt: when versions become searchable, how much memory each process holds."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from journal import Acknowledged, Document, read
from support.live import LiveStack

from staithe.kernel.errors import StaitheError
from staithe.kernel.events import DocumentIndexed
from staithe.kernel.stream.tail import Tail
from staithe.stack.identities import OPERATOR

INDEXED: Final = "documents.indexed.v1"
RECOVERY_SECONDS_MAX: Final = 180.0
POLL_SECONDS: Final = 0.2
READY_STATES: Final = ("ready",)


@dataclass
class Watcher:
    """Follows `documents.indexed.v1` from now on, in a thread of its own, through every outage."""

    live: LiveStack
    arrived: dict[tuple[Document, int], float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        local = self.live.local()
        codec, next_look = local.codec(), 0.0
        tail: Tail | None = None
        while not self._stopping.is_set():
            try:
                tail = tail or Tail(local.access(OPERATOR), [INDEXED], from_beginning=False)
                for record in tail.poll(POLL_SECONDS):
                    event = codec.decode(INDEXED, record.value)
                    assert isinstance(event, DocumentIndexed)
                    version = (Document(event.tenant_id, event.document_id), event.document_version)
                    self.arrived.setdefault(version, time.time())
            except StaitheError:
                time.sleep(POLL_SECONDS)
            if time.monotonic() >= next_look:
                self._weigh()
                next_look = time.monotonic() + 1.0
        codec.close()
        if tail is not None:
            tail.close()

    def _weigh(self) -> None:
        for name, each in self.live.state().get("processes", {}).items():
            try:
                held = psutil.Process(each["pid"]).memory_info().rss
            except (psutil.Error, TypeError):
                continue
            self.memory[name] = max(self.memory.get(name, 0), held)

    def recovered(self, journal: Path, since: float) -> float | None:
        """Seconds from `since` until a version acknowledged after it is searchable and every process is ready.

        Waits up to RECOVERY_SECONDS_MAX; None when that was not enough.
        """
        deadline = since + RECOVERY_SECONDS_MAX
        while time.time() < deadline:
            later = [line for line in read([journal]) if line.acknowledged_at > since]
            ends = [self.arrived[(line.document, line.version)] for line in later if self._is_there(line)]
            if ends and _all_ready(self.live):
                return max(min(ends), time.time() - POLL_SECONDS) - since
            time.sleep(POLL_SECONDS)
        return None

    def _is_there(self, line: Acknowledged) -> bool:
        return (line.document, line.version) in self.arrived


def _all_ready(live: LiveStack) -> bool:
    try:
        processes = live.state()["processes"].values()
    except (KeyError, json.JSONDecodeError):
        return False
    return all(each["state"] in READY_STATES and _alive(each["pid"]) for each in processes)


def _alive(pid: int | None) -> bool:
    """Whether the process still runs: the supervisor's word is up to one of its rounds old."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE if pid else False
    except psutil.NoSuchProcess:
        return False
