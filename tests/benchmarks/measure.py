"""Measures machine and processes: percentiles, processor time, what the machine is."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

MIB = 1 << 20


def percentile(values: Sequence[float], rank: int) -> float:
    """The `rank`th percentile; not a number of nothing."""
    return float(np.percentile(values, rank)) if values else float("nan")


def median(values: Sequence[float]) -> float:
    """The middle value; not a number of nothing."""
    return percentile(values, 50)


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, for a table."""
    return f"{seconds * 1000:,.0f} ms"


def rss_mib(pid: int) -> float:
    """Resident memory of a process and its children."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / MIB


def cpu_seconds(pid: int) -> float:
    """Processor time of a process since it began, with its children that have ended and those that run."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return float(total)


def pids_of(state: Mapping[str, Any]) -> dict[str, int]:
    """The pid of each process by its name, from the supervisor's state."""
    return {name: int(each["pid"]) for name, each in state["processes"].items()}


@dataclass(frozen=True)
class ProcessorTime:
    """Processor time at one moment: of each process named, of the whole machine, and the clock."""

    clock: float
    machine: float
    processes: Mapping[str, float]

    @classmethod
    def now(cls, pids: Mapping[str, int], *, own: str = "") -> "ProcessorTime":
        """Read the counters; `own` names this process, which is counted without what it started."""
        times = psutil.cpu_times()
        busy = times.user + times.system + times.nice + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
        used = {name: cpu_seconds(pid) for name, pid in pids.items()}
        return cls(time.monotonic(), busy, used | ({own: time.process_time()} if own else {}))

    def since(self, before: "ProcessorTime") -> "ProcessorTime":
        """What was used between `before` and now."""
        spent = {name: self.processes[name] - before.processes.get(name, 0.0) for name in self.processes}
        return ProcessorTime(self.clock - before.clock, self.machine - before.machine, spent)


def machine() -> str:
    """Processor and system in words; nothing that names the machine."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def revision(repository: Path) -> str:
    """The commit, and whether the tree differs from it."""

    def git(*arguments: str) -> str:
        answer = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False)
        return answer.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD") or "no commit"
    return f"{commit} with uncommitted changes" if git("status", "--porcelain", "--untracked-files=no") else commit


def load_average() -> str:
    """The system's load over one minute."""
    return f"{os.getloadavg()[0]:.1f}"
