"""Keeps the stack's processes running: starts them in waves, restarts what dies with growing pauses, stops all.

Why our own 200 lines: see docs/decisions/0004. Processes die with the supervisor (Linux's parent-death signal), so a
killed supervisor leaves no orphan. One thread calls every method: the one that made the supervisor.
"""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from staithe.kernel.files import write_atomically
from staithe.stack.processes import ProcessSpec, log_tail, spawn, stop, wait_ready

RESTART_SECONDS_MIN: Final = 0.5
RESTART_SECONDS_MAX: Final = 30.0
"""The pause doubles from min to max: a service that can't start must not take the machine with it."""
STABLE_SECONDS: Final = 3.0
"""Once ready for this long, the next death starts from the shortest pause again: what cannot start is never ready, and
what dies of its first record dies at once."""
READY_RESTART_SECONDS_MAX: Final = 4.0
"""The longest pause for what did get ready, however soon it died: others are waiting for it, and starting it works."""
READY_SECONDS_MAX: Final = 120.0
MISCONFIGURED: Final = 2
"""A service's exit code for settings that no restart will mend."""


class State(StrEnum):
    """What a process is doing."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass
class Managed:
    """One process under supervision."""

    spec: ProcessSpec
    process: subprocess.Popen[bytes] | None = None
    state: State = State.STOPPED
    ready_at: float | None = None
    restart_at: float = 0.0
    pause: float = RESTART_SECONDS_MIN
    restarts: int = 0
    reason: str = ""

    @property
    def pid(self) -> int | None:
        """The process's pid while it lives."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None


@dataclass
class Supervisor:
    """All processes of one stack, by name, in the order they were started."""

    state_file: Path
    managed: dict[str, Managed] = field(default_factory=dict)
    waves: list[list[Managed]] = field(default_factory=list)

    def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Start a wave together; return when all are ready, or raise Unavailable with the log of one that is not."""
        wave = [Managed(spec) for spec in specs]
        self.waves.append(wave)
        for each in wave:
            self.managed[each.spec.name] = each
            self._spawn(each)
        self._write_state()
        with ThreadPoolExecutor(len(wave)) as pool:
            waits = [pool.submit(self._wait, each) for each in wave]
        for wait in waits:
            wait.result()
        self._write_state()

    @staticmethod
    def _wait(each: Managed) -> None:
        assert each.process is not None  # noqa: S101 - start() has spawned it
        wait_ready(each.process, each.spec, READY_SECONDS_MAX)
        each.state, each.ready_at = State.READY, time.monotonic()

    def tend(self) -> list[str]:
        """Look after every process once; returns what happened, in words. Never blocks for longer than a probe."""
        happened: list[str] = []
        now = time.monotonic()
        for name, each in self.managed.items():
            code = each.process.poll() if each.process is not None else None
            if each.state in (State.STARTING, State.READY) and code is not None:
                happened.append(self._bury(each, code, now))
            elif each.state is State.RESTARTING and now >= each.restart_at:
                each.restarts += 1
                self._spawn(each)
                happened.append(f"{name} restarted")
            elif each.state is State.STARTING and each.spec.ready():
                each.state, each.ready_at = State.READY, now
                happened.append(f"{name} is ready")
        if happened:
            self._write_state()
        return happened

    def _bury(self, each: Managed, code: int, now: float) -> str:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if code == MISCONFIGURED:
            each.state, each.reason = State.FAILED, log_tail(each.spec.log_path)
            return f"{each.spec.name} is misconfigured and stays down; see {each.spec.log_path}"
        if each.ready_at is not None and now - each.ready_at > STABLE_SECONDS:
            each.pause = RESTART_SECONDS_MIN
        longest = RESTART_SECONDS_MAX if each.ready_at is None else READY_RESTART_SECONDS_MAX
        pause = min(each.pause, longest)
        each.state, each.restart_at = State.RESTARTING, now + pause
        message = f"{each.spec.name} died ({how}); starting again in {pause:.1f} s"
        each.pause = min(2 * each.pause, RESTART_SECONDS_MAX)
        return message

    def _spawn(self, each: Managed) -> None:
        each.process = spawn(each.spec)
        each.state, each.ready_at = State.STARTING, None

    def stop(self) -> None:
        """Stop everything, last wave first; services drain before what they depend on goes."""
        for wave in reversed(self.waves):
            with ThreadPoolExecutor(len(wave)) as pool:
                list(pool.map(_stop, wave))
        self.state_file.unlink(missing_ok=True)

    def _write_state(self) -> None:
        processes = {
            name: {"pid": each.pid, "state": each.state.value, "restarts": each.restarts}
            for name, each in self.managed.items()
        }
        state = {"supervisor_pid": os.getpid(), "processes": processes}
        write_atomically(self.state_file, json.dumps(state, indent=1).encode(), mode=0o600)


def _stop(each: Managed) -> None:
    if each.process is not None:
        stop(each.process, each.spec)
    each.state = State.STOPPED
