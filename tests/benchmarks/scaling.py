"""What more replicas of a stage bring: the real runtime on the real broker, its stage waiting instead of working.

A stage that works would need more cores than there are to show anything; one that waits for 20 ms, as for another
system, shows whether partitions, transactions and commits get in each other's way.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chart import Bars
from report import Section, Table
from support.checker import within
from support.live import LiveStack
from support.streams import Bench, events, streams

from staithe.kernel.stream.tail import Tail

PARTITIONS: Final = 6
REPLICAS: Final = (1, 2, 3, 6)
STAGE_SECONDS: Final = 0.02
WORKERS: Final = 2
RECORDS_EACH: Final = 800
SETTLE_SECONDS: Final = 4.0
START_SECONDS_MAX: Final = 60.0
RUN_SECONDS_MAX: Final = 180.0
EDGE_SHARE: Final = 0.1
"""Of the records at either end, which are left out: there some replicas have nothing to do."""


@dataclass(frozen=True)
class Scaled:
    """How many records a second some replicas moved."""

    replicas: int
    rate: float


def measure_scaling(stack: LiveStack) -> Section:
    """The whole section, about two minutes."""
    runs = [_run(stack, count) for count in REPLICAS]
    alone, bound = runs[0].rate, WORKERS / STAGE_SECONDS
    section = Section("scaling", "Replicas of one stage")
    rows = [
        [str(run.replicas), f"{run.rate:,.0f}", f"{run.rate / alone:.2f}", f"{run.rate / (bound * run.replicas):.2f}"]
        for run in runs
    ]
    section.tables.append(Table(("replicas", "records/s", "times one replica", "of what the waiting allows"), rows))
    bars = [(f"{run.replicas} replicas", run.rate / alone) for run in runs]
    section.charts.append(Bars("Times one replica", bars, digits=2))
    section.notes += [
        f"A topic with {PARTITIONS} partitions; a record costs {STAGE_SECONDS * 1000:.0f} ms of waiting.",
        f"A replica works on {WORKERS} records at a time, in one transaction for each batch, as every service does.",
        f"Without the first and last {EDGE_SHARE:.0%} of the records, by the time at which each was produced.",
    ]
    return section


def _run(stack: LiveStack, replicas: int) -> Scaled:
    with tempfile.TemporaryDirectory() as folder, streams(stack, Path(folder), partitions=PARTITIONS) as bench:
        bench.given["seconds_per_record"] = STAGE_SECONDS
        processes = [bench.run("move", f"move-{number}.log", replica=number) for number in range(replicas)]
        try:
            _wait_for_partitions(bench, replicas)
            bench.fill(events(RECORDS_EACH * replicas))
            times = _produced(bench, RECORDS_EACH * replicas)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(START_SECONDS_MAX)
    edge = int(len(times) * EDGE_SHARE)
    inner = times[edge:-edge]
    return Scaled(replicas, (len(inner) - 1) / ((inner[-1] - inner[0]) / 1000))


def _wait_for_partitions(bench: Bench, replicas: int) -> None:
    """Until every replica has some, and for the last rebalance after that."""
    if not within(START_SECONDS_MAX, lambda: all(_has_partitions(bench, number) for number in range(replicas))):
        raise SystemExit("not every replica got partitions in time")
    time.sleep(SETTLE_SECONDS)


def _has_partitions(bench: Bench, number: int) -> bool:
    lines = bench.logged(f"move-{number}.log")
    return any(line["event"] == "partitions_gained" and line["count"] for line in lines)


def _produced(bench: Bench, count: int) -> list[int]:
    """When each record came out, in milliseconds, sorted."""
    tail, times = Tail(bench.access, [bench.given["output"]], from_beginning=True), []
    deadline = time.monotonic() + RUN_SECONDS_MAX
    try:
        while len(times) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"only {len(times)} of {count} records came out in time")
            times += [record.timestamp_ms for record in tail.poll(0.2)]
    finally:
        tail.close()
    return sorted(times)
