"""What dies is started again: soon when it had worked, with growing pauses when it had not, never when it cannot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from staithe.stack import supervisor
from staithe.stack.processes import ProcessSpec
from staithe.stack.supervisor import (
    MISCONFIGURED,
    READY_RESTART_SECONDS_MAX,
    RESTART_SECONDS_MAX,
    STABLE_SECONDS,
    State,
    Supervisor,
)

KILLED = -9


class FakeProcess:
    """A process that ends when told."""

    pid = 4242

    def __init__(self) -> None:
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


class Bench:
    """One process under a supervisor whose clock stands still unless moved."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.ready, self.spawned = 1000.0, True, list[FakeProcess]()
        anything: Any = monkeypatch
        anything.setattr(supervisor.time, "monotonic", lambda: self.now)
        anything.setattr(supervisor, "spawn", lambda _: self._spawn())
        anything.setattr(supervisor, "wait_ready", lambda *_: None)
        self.supervisor = Supervisor(folder / "state.json")
        log = folder / "log"
        log.write_text("words\n")
        self.supervisor.start([ProcessSpec("embedding", ("/bin/true",), {}, folder, log, lambda: self.ready)])
        self.managed = self.supervisor.managed["embedding"]

    def _spawn(self) -> FakeProcess:
        self.spawned.append(FakeProcess())
        return self.spawned[-1]

    def die(self, code: int = KILLED) -> None:
        self.spawned[-1].returncode = code
        self.supervisor.tend()

    def pause(self) -> float:
        """How long it is until the dead one is started again, which then happens."""
        seconds = self.managed.restart_at - self.now
        self.now = self.managed.restart_at
        self.supervisor.tend()
        assert self.managed.state is State.STARTING
        return seconds


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    return Bench(tmp_path, monkeypatch)


def test_killed_again_and_again_it_comes_back_soon_each_time_as_long_as_it_works_in_between(bench: Bench) -> None:
    pauses = []
    for _ in range(12):
        bench.supervisor.tend()
        bench.now += STABLE_SECONDS + 0.1
        bench.die()
        pauses.append(bench.pause())
    assert pauses == [0.5] * 12


@pytest.mark.parametrize("ready", [False, True], ids=["never ready", "dies at its first record"])
def test_what_does_not_work_is_tried_with_growing_pauses(bench: Bench, ready: bool) -> None:
    bench.ready = ready
    pauses = []
    for _ in range(8):
        bench.supervisor.tend()
        bench.now += STABLE_SECONDS / 2 if ready else 10 * STABLE_SECONDS
        bench.die()
        pauses.append(bench.pause())
    longest = READY_RESTART_SECONDS_MAX if ready else RESTART_SECONDS_MAX
    assert pauses == [min(each, longest) for each in (0.5, 1, 2, 4, 8, 16, 32, 64)]


def test_misconfigured_process_stays_down_and_says_why(bench: Bench) -> None:
    bench.die(MISCONFIGURED)
    assert (bench.managed.state, bench.managed.reason) == (State.FAILED, "words")
    bench.now += 3600
    bench.supervisor.tend()
    assert len(bench.spawned) == 1
