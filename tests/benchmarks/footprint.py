"""How long the stack takes to start, what each process holds after all other sections, and what it uses idle."""

import time
from pathlib import Path
from typing import Final

from chart import Bars
from measure import ProcessorTime, pids_of, rss_mib
from report import Section, Table
from support.live import LiveStack

SUPERVISOR: Final = "supervisor (staithe up)"
IDLE_SECONDS: Final = 15.0


class TimedStack(LiveStack):
    """A stack that knows how long `staithe up` took until every process was ready."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(kind, folder)
        self.ready_seconds: list[float] = []
        self._begun = 0.0

    def start(self) -> None:
        """As LiveStack does."""
        self.up_log.unlink(missing_ok=True)  # or the words of the start before would pass for this one's
        self._begun = time.monotonic()
        super().start()

    def wait_ready(self, seconds: float) -> list[dict[str, object]]:
        """Called when `staithe up` has said that all is up; asking `staithe status` is not part of the time."""
        self.ready_seconds.append(time.monotonic() - self._begun)
        return super().wait_ready(seconds)


def measure_footprint(stack: TimedStack) -> Section:
    """The whole section; run it last, when everything has been under load."""
    pids = {**pids_of(stack.state()), SUPERVISOR: stack.supervisor_pid}
    memory = {name: rss_mib(pid) for name, pid in pids.items()}
    memory[SUPERVISOR] -= sum(size for name, size in memory.items() if name != SUPERVISOR)
    idle = _idle(pids)
    section = Section("footprint", "Start and memory")
    names = ["first", "second"][: len(stack.ready_seconds)]
    starts = [[name, f"{seconds:.1f} s"] for name, seconds in zip(names, stack.ready_seconds, strict=True)]
    section.tables.append(Table(("start", "until every process is ready"), starts))
    rows = sorted(memory.items(), key=lambda item: -item[1])
    total = sum(memory.values())
    cells = [[name, f"{size:,.0f} MiB", f"{idle[name]:.1%}"] for name, size in rows]
    cells.append(["total", f"{total:,.0f} MiB", f"{sum(idle.values()):.1%}"])
    section.tables.append(Table(("process", "memory", "of one core when idle"), cells))
    section.charts.append(Bars(f"Resident memory, {total:,.0f} MiB in all", rows, "MiB"))
    section.notes += [
        (
            "Memory is the resident set of each process and its children after all sections above; pages that "
            "processes share count in each."
        ),
        (
            "The first start makes keys, certificates and topics in an empty folder; downloads and the model were in "
            "the cache already."
        ),
    ]
    return section


def _idle(pids: dict[str, int]) -> dict[str, float]:
    """The part of one core that each process uses while nothing happens."""
    before = ProcessorTime.now(pids)
    time.sleep(IDLE_SECONDS)
    used = ProcessorTime.now(pids).since(before)
    shares = {name: seconds / used.clock for name, seconds in used.processes.items()}
    # The supervisor's children are counted by themselves.
    shares[SUPERVISOR] -= sum(share for name, share in shares.items() if name != SUPERVISOR)
    return {name: max(share, 0.0) for name, share in shares.items()}
