"""The rows of the table: what each one does to the stack while documents flow. A row's faults are seeded."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import faults
from support.live import SERVICES, LiveStack
from watch import Watcher

QUIET_SECONDS_MAX: Final = 3.0
"""Between two faults: up to this long, drawn anew, so that they fall on any point of the work."""
PARTITION_SECONDS: Final = 60.0
LATENCY_MS: Final = 300
LATENCY_SECONDS: Final = 60.0
DISK_SECONDS: Final = 20.0
CRAWL_SECONDS: Final = 60.0
CRAWL_SHARE: Final = 0.1
REBALANCE_SECONDS: Final = 10.0
REPLICA_PORT_OFFSET: Final = 38
DRAIN_SECONDS_MAX: Final = 30.0
STAGES: Final = ("ingestion", "sanitization", "embedding", "indexing")
EDGES: Final = {"kafka": "kafka_client", "registry": "registry", "milvus": "milvus"}
DISKS: Final = {"broker": "kafka", "audit": "audit", "objects": "objects"}
CLOCK_SECONDS: Final = 25.0
CLOCK_HOURS: Final = (1, -1)


@dataclass
class Run:
    """What a row works with. `recoveries` collects seconds, None where there was no recovery in time."""

    live: LiveStack
    watcher: Watcher
    journal: Path
    chance: random.Random
    count: int
    proxy: Path | None = None
    injected: int = 0
    recoveries: list[float | None] = field(default_factory=list)

    def pause(self) -> None:
        """Some time in which nothing happens."""
        time.sleep(self.chance.uniform(0, QUIET_SECONDS_MAX))

    def hurt(self, fault: Callable[[], None]) -> None:
        """Inject one fault that is over at once, and wait until everything works again."""
        self.pause()
        since = time.time()
        fault()
        self.injected += 1
        self.recoveries.append(self.watcher.recovered(self.journal, since))

    def hurt_for(self, fault: "contextlib.AbstractContextManager[None]", seconds: float) -> None:
        """Inject one fault that lasts; recovery counts from its end."""
        self.pause()
        with fault:
            time.sleep(seconds)
        self.injected += 1
        self.recoveries.append(self.watcher.recovered(self.journal, time.time()))


@dataclass(frozen=True)
class Row:
    """One line of the table. `count` is the number of faults of a full run; `rate` is in documents a second."""

    name: str
    what: str
    count: int
    act: Callable[[Run], None]
    rate: float = 4.0
    poison: float = 0.0
    large: float = 0.0
    replays: bool = False
    namespaces: bool = False


def _kills(name: str) -> Callable[[Run], None]:
    def act(run: Run) -> None:
        for _ in range(run.count):
            run.hurt(lambda: faults.kill(run.live, name))

    return act


def _lasting(make: Callable[[Run], "contextlib.AbstractContextManager[None]"], seconds: float) -> Callable[[Run], None]:
    def act(run: Run) -> None:
        for _ in range(run.count):
            run.hurt_for(make(run), seconds)

    return act


def _partition(edge: str) -> Callable[[Run], None]:
    return _lasting(lambda run: faults.partition(run.live.ports.of(EDGES[edge])), PARTITION_SECONDS)


def _slow(edge: str) -> Callable[[Run], None]:
    def make(run: Run) -> "contextlib.AbstractContextManager[None]":
        assert run.proxy is not None, "needs the proxy program"
        return faults.latency(run.proxy, run.live.ports.of(EDGES[edge]), LATENCY_MS)

    return _lasting(make, LATENCY_SECONDS)


def _full(disk: str) -> Callable[[Run], None]:
    return _lasting(lambda run: faults.full(getattr(run.live.paths, DISKS[disk])), DISK_SECONDS)


def _frozen(name: str) -> Callable[[Run], None]:
    return _lasting(lambda run: faults.frozen(run.live, name), PARTITION_SECONDS)


def _crawl(name: str) -> Callable[[Run], None]:
    def act(run: Run) -> None:
        for _ in range(run.count):
            held = faults.crawl(run.live, name, CRAWL_SECONDS, CRAWL_SHARE)
            run.watcher.memory[name] = max(run.watcher.memory.get(name, 0), held)
            run.injected += 1
            run.recoveries.append(run.watcher.recovered(run.journal, time.time()))

    return act


def _come_and_go(run: Run, name: str, seconds: float, *, gently: bool, more: Mapping[str, str] | None = None) -> None:
    """A second replica of a service comes, works for a while and goes, by SIGTERM or by kill -9."""
    replica = faults.second_replica(run.live, name, run.live.ports.base + REPLICA_PORT_OFFSET, more)
    time.sleep(seconds)
    (replica.terminate if gently else replica.kill)()
    replica.wait(DRAIN_SECONDS_MAX)
    run.injected += 1
    run.recoveries.append(run.watcher.recovered(run.journal, time.time()))


def _rebalance(run: Run) -> None:
    """A second replica of each moving service comes, works and goes, gently and by kill -9 in turns."""
    moving = [name for name in SERVICES if name not in ("audit", "query")]
    for number in range(run.count):
        name = moving[number % len(moving)]
        _come_and_go(run, name, REBALANCE_SECONDS, gently=number % 2 == 1)


def _wrong_clocks(run: Run) -> None:
    """A second replica of each stage takes half the partitions with a clock an hour off, then is gone."""
    for number in range(run.count):
        name, hours = STAGES[number % len(STAGES)], CLOCK_HOURS[number // len(STAGES) % 2]
        clock = faults.clock_off_by(hours, run.journal.parent)
        _come_and_go(run, name, CLOCK_SECONDS, gently=number % 2 == 1, more=clock)


def _flow(run: Run) -> None:
    """Nothing but the load: the records themselves are the fault."""
    time.sleep(60.0 * run.count)
    run.injected = run.count


def all_rows() -> Mapping[str, Row]:
    """Every row by its name, in the order of the table."""
    return {row.name: row for row in _rows()}


def _rows() -> Iterator[Row]:
    for name in SERVICES:
        yield Row(f"kill {name}", f"kill -9 of {name} at random moments", 29, _kills(name))
    for name, count in (("broker", 20), ("milvus", 5), ("registry", 5)):
        yield Row(f"kill {name}", f"kill -9 of {name}", count, _kills(name))
    for name in ("embedding", "indexing", "broker"):
        yield Row(
            f"freeze {name}", f"{name} stands still for {PARTITION_SECONDS:.0f} s, then goes on", 1, _frozen(name)
        )
    for edge in EDGES:
        what = f"no packet to or from {edge} for {PARTITION_SECONDS:.0f} s"
        yield Row(f"partition {edge}", what, 1, _partition(edge), namespaces=True)
    for edge in EDGES:
        what = f"{LATENCY_MS} ms more each way to {edge} for {LATENCY_SECONDS:.0f} s"
        yield Row(f"latency {edge}", what, 1, _slow(edge), rate=1.0, namespaces=True)
    for disk in DISKS:
        large = {"rate": 2.0, "large": 0.5} if disk == "objects" else {}
        what = f"no byte left under {disk} for {DISK_SECONDS:.0f} s"
        yield Row(f"full disk {disk}", what, 1, _full(disk), namespaces=True, **large)
    yield Row(
        "large", "a third of the documents are over 512 KiB; ingestion is killed", 4, _kills("ingestion"), large=0.3
    )
    yield Row("clock", "a replica of a stage with a clock an hour ahead or behind", 2 * len(STAGES), _wrong_clocks)
    yield Row("poison", "one record in 1,000 cannot be read", 2, _flow, rate=12.0, poison=0.001)
    for name in ("embedding", "indexing"):
        yield Row(f"slow {name}", f"{name} runs a tenth of the time for {CRAWL_SECONDS:.0f} s", 1, _crawl(name))
    yield Row("rebalance", f"a replica comes or goes every {REBALANCE_SECONDS:.0f} s", 12, _rebalance)
    yield Row(
        "replay",
        "everything is submitted again, erased documents included, while erasures go on",
        1,
        _flow,
        replays=True,
    )
