"""`make bench`: measures a whole stack of its own, prints tables, writes docs/benchmarks.md and its pictures.

    python tests/benchmarks/run.py [--sections retrieval,freshness,throughput,…] [--seconds N] [--repetitions N]

Nothing is asserted about time: machines differ. Every figure comes from the run. A run of some sections only prints.
"""

import argparse
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # for the modules beside this one and for tests/support

from access import measure_access  # noqa: E402
from bare_loop import THREADS  # noqa: E402
from footprint import TimedStack, measure_footprint  # noqa: E402
from freshness import measure_freshness  # noqa: E402
from measure import load_average, machine, revision  # noqa: E402
from quality import measure_quality  # noqa: E402
from report import Section, show, write  # noqa: E402
from rich.console import Console  # noqa: E402
from scaling import measure_scaling  # noqa: E402
from support.corpus import DOCUMENTS, SAMPLES  # noqa: E402
from support.live import REPOSITORY  # noqa: E402
from throughput import measure_throughput  # noqa: E402

from staithe.stack.ports import StackPorts  # noqa: E402

SECTIONS: Final = ("retrieval", "freshness", "access", "throughput", "footprint", "throughput-1", "scaling")


def main() -> int:
    """Run; 0 when every section was measured."""
    arguments = _arguments()
    chosen = SECTIONS if arguments.sections == "all" else tuple(arguments.sections.split(","))
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the stack is stopped then too
    measured = revision(REPOSITORY)
    with tempfile.TemporaryDirectory(prefix="staithe-bench-") as folder:
        stack = TimedStack(arguments.milvus, Path(folder) / "stack")
        if arguments.port_base:
            stack.ports = StackPorts(arguments.port_base)
        try:
            sections, loads = _measure(stack, chosen, arguments, console)
        finally:
            stack.kill()
    console.print()
    if chosen == SECTIONS and not arguments.print_only:
        docs = REPOSITORY / "docs"
        header = _header(arguments.milvus, measured, loads)
        for path in write(docs / "benchmarks.md", docs / "pictures", header, sections):
            console.print(f"wrote {path.relative_to(REPOSITORY)}", highlight=False)
    return 0


def _measure(
    stack: TimedStack, chosen: tuple[str, ...], arguments: argparse.Namespace, console: Console
) -> tuple[list[Section], list[str]]:
    stack.start()
    if "footprint" in chosen:
        stack.stop()
        stack.start()
    stack.cli_json("publish", str(SAMPLES), seconds=600)
    measures: dict[str, Callable[[], Section]] = {
        "retrieval": lambda: measure_quality(stack),
        "freshness": lambda: measure_freshness(stack),
        "access": lambda: measure_access(stack),
        "throughput": lambda: _throughput(stack, THREADS, arguments),
        "throughput-1": lambda: _throughput(stack, 1, arguments),
        "footprint": lambda: measure_footprint(stack),
        "scaling": lambda: measure_scaling(stack),
    }
    sections, loads = [], []
    for name in SECTIONS:
        if name in chosen:
            loads.append(f"{name} {load_average()}")
            sections.append(measures[name]())
            show(sections[-1], console)
    stack.stop()
    return sections, loads


def _throughput(stack: TimedStack, threads: int, arguments: argparse.Namespace) -> Section:
    return measure_throughput(stack, threads=threads, seconds=arguments.seconds, repetitions=arguments.repetitions)


def _header(kind: str, measured: str, loads: list[str]) -> list[str]:
    milvus = "Milvus Lite" if kind == "lite" else "the Milvus server"
    return [
        "Written by `make bench`; do not edit. Absolute figures hold for one machine and one day, ratios travel.", "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}",
        f"- {machine()}, Python {platform.python_version()}, {milvus}, {DOCUMENTS} sample documents",
        f"- load average over one minute when each section began: {', '.join(loads)}",
    ]  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure retrieval, freshness, throughput and footprint of a stack.")
    parser.add_argument("--sections", default="all", help=f"some of {','.join(SECTIONS)} (default: all)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="about how long a run of the pipeline works (default 60)"
    )
    parser.add_argument("--repetitions", type=int, default=3, help="runs of the pipeline (default 3)")
    parser.add_argument("--milvus", choices=("lite", "server"), default="lite", help="which Milvus (default lite)")
    parser.add_argument("--port-base", type=int, help="the stack's first port (default: free ones)")
    parser.add_argument("--print-only", action="store_true", help="write no files")
    arguments = parser.parse_args()
    if arguments.sections != "all" and not set(arguments.sections.split(",")) <= set(SECTIONS):
        parser.error(f"sections are {', '.join(SECTIONS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
