"""`make soak`: a real stack under steady load, an hour by default; does its memory grow? Writes docs/soak.md.

    python tests/chaos/soak.py [--minutes 60] [--share 0.7] [--seed 1] [--print-only]

First the peak is measured: documents indexed in a second while more are published than can be. Then a source sends
`share` of that, always new versions of the same documents, so that nothing has a reason to grow but disks. The memory
of every process is weighed meanwhile; at the end a checker compares all that was acknowledged with what is there.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any, Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "benchmarks")]

import psutil  # noqa: E402
from findings import KINDS, MIB  # noqa: E402
from journal import read  # noqa: E402
from measure import machine, percentile, revision  # noqa: E402
from rich.console import Console  # noqa: E402
from run import judge  # noqa: E402
from source import LAST_SECONDS_MAX, publish, wait_for  # noqa: E402
from support.live import REPOSITORY, LiveStack  # noqa: E402
from watch import Watcher  # noqa: E402

DOCUMENTS: Final = 500
PEAK_RATE: Final = 40.0
"""Twice what two cores index: the pipeline must be the limit, and what it leaves behind must be settled afterwards."""
PEAK_SECONDS: Final = 60.0
PEAK_OFFERED_MAX: Final = 0.9
"""Of the rate offered: a peak above this share is the source's, not the pipeline's."""
WARM_SHARE: Final = 0.2
"""Of the time, before memory counts: caches fill, allocators settle."""
WEIGH_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 20.0
SLOPE_TARGET: Final = 0.01
EXPLANATION: Final = " ".join((
    f"*At first* is after the first {WARM_SHARE:.0%} of the time, in which caches fill.",
    f"*More in an hour* is the slope of a line through what was weighed every {WEIGH_SECONDS:.0f} s after that,",
    f"as a share of the average; the target is below {SLOPE_TARGET:.0%}.",
))  # fmt: skip


@dataclass
class Weights:
    """What each process held, and when: hours and bytes, its children included."""

    hours: list[float] = field(default_factory=list)
    held: dict[str, list[int]] = field(default_factory=dict)

    def weigh(self, live: LiveStack, since: float) -> None:
        """Look at every process of the stack now."""
        self.hours.append((time.monotonic() - since) / 3600)
        for name, each in live.state()["processes"].items():
            process = psutil.Process(each["pid"])
            family = [process, *process.children(recursive=True)]
            self.held.setdefault(name, []).append(sum(member.memory_info().rss for member in family))

    def settled(self, name: str) -> tuple[list[float], list[int]]:
        """The part that counts."""
        start = int(len(self.hours) * WARM_SHARE)
        return self.hours[start:], self.held[name][start:]

    def slope(self, name: str) -> float:
        """How much more the process holds after an hour, as a share of what it holds; least squares."""
        hours, held = self.settled(name)
        return linear_regression(hours, held).slope / fmean(held)


@dataclass(frozen=True)
class Soaked:
    """What came out. Rates are documents a second, latencies seconds from acknowledgement to index."""

    minutes: float
    peak: float
    rate: float
    latencies: Sequence[float]
    weights: Weights
    verdict: Mapping[str, Any]

    def lines(self) -> list[str]:
        """The tables, as Markdown."""
        counts = ", ".join(f"{kind} {len(self.verdict[kind])}" for kind in KINDS)
        times = ", ".join(f"p{rank} {percentile(self.latencies, rank):.2f} s" for rank in (50, 95, 99))
        rows = []
        for name in sorted(self.weights.held):
            _, held = self.weights.settled(name)
            size = [f"{each / MIB:,.1f} MiB" for each in (held[0], fmean(held), held[-1], max(self.weights.held[name]))]
            rows.append("| " + " | ".join([name, *size, f"{self.weights.slope(name):+.2%}"]) + " |")
        return [
            f"- {self.minutes:.0f} minutes at {self.rate:.1f} documents/s, after a peak of {self.peak:.1f}/s",
            f"- {self.verdict['acknowledged']} versions acknowledged: {counts}",
            f"- from acknowledgement to index: {times}",
            "",
            "| process | at first | on average | at last | most | more in an hour |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            EXPLANATION,
        ]


def main() -> int:
    """Run; 0 when nothing was lost or doubled."""
    arguments = _arguments()
    console, measured = Console(), revision(REPOSITORY)
    with tempfile.TemporaryDirectory(prefix="staithe-soak-") as folder:
        live = LiveStack("lite", Path(folder) / "stack")
        try:
            live.start()
            soaked = _soak(live, Path(folder), arguments, console)
            live.stop()
        finally:
            live.kill()
    console.print("\n".join(soaked.lines()), highlight=False)
    if not arguments.print_only:
        command = f"python tests/chaos/soak.py --minutes {arguments.minutes:g} --seed {arguments.seed}"
        head = [
            "# Soak", "", "Written by `make soak`; do not edit.", "",
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}, `{command}`",
            f"- {machine()}, one broker, Milvus Lite",
        ]  # fmt: skip
        (REPOSITORY / "docs" / "soak.md").write_text("\n".join([*head, *soaked.lines()]) + "\n")
    return 0 if soaked.verdict["holds"] else 1


def _soak(live: LiveStack, folder: Path, arguments: argparse.Namespace, console: Console) -> Soaked:
    watcher = Watcher(live)
    watcher.start()
    console.print(f"measuring the peak: {PEAK_RATE:g} documents/s offered for {PEAK_SECONDS:g} s")
    peak = _peak(live, folder, arguments.seed, watcher)
    rate = peak * arguments.share
    console.print(f"peak {peak:.1f} documents/s; now {rate:.1f}/s for {arguments.minutes:g} minutes", highlight=False)
    journal, weights = folder / "soak.jsonl", Weights()
    load = _load(live, journal, arguments.seed + 1, rate)
    try:
        wait_for(journal)
        since = time.monotonic()
        while time.monotonic() - since < arguments.minutes * 60:
            weights.weigh(live, since)
            time.sleep(WEIGH_SECONDS)
    finally:
        load.terminate()
        load.wait(LAST_SECONDS_MAX)
    verdict = judge(live, journal)
    watcher.stop()
    lines = read([journal])
    seen = [(watcher.arrived.get((line.document, line.version)), line.acknowledged_at) for line in lines]
    latencies = [arrived - sent for arrived, sent in seen if arrived is not None]
    return Soaked(arguments.minutes, peak, rate, latencies, weights, verdict)


def _peak(live: LiveStack, folder: Path, seed: int, watcher: Watcher) -> float:
    """Documents indexed in a second while the source sends more than that."""
    journal = folder / "peak.jsonl"
    load = _load(live, journal, seed, PEAK_RATE)
    time.sleep(PEAK_SECONDS / 3)
    before, begun = len(watcher.arrived), time.monotonic()
    time.sleep(PEAK_SECONDS * 2 / 3)
    peak = (len(watcher.arrived) - before) / (time.monotonic() - begun)
    load.terminate()
    load.wait(LAST_SECONDS_MAX)
    if peak > PEAK_RATE * PEAK_OFFERED_MAX:
        raise SystemExit(f"the source offered {PEAK_RATE:g}/s and {peak:.1f}/s arrived: raise PEAK_RATE in {__file__}")
    judge(live, journal)  # returns when all of it has settled
    time.sleep(SETTLE_SECONDS)
    return peak


def _load(live: LiveStack, journal: Path, seed: int, rate: float) -> "subprocess.Popen[bytes]":
    return publish(live, journal, "--seed", str(seed), "--rate", f"{rate:.3f}", "--documents", str(DOCUMENTS))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Keep a stack of its own under steady load and weigh it.")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--share", type=float, default=0.7, help="of the peak (default 0.7)")
    parser.add_argument("--seed", type=int, default=1, help="which documents (default 1)")
    parser.add_argument("--print-only", action="store_true", help="write no file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
