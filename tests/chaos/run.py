"""`make chaos`: hurts a real stack row by row and lets a process of its own judge it; writes docs/reliability.md.

    python tests/chaos/run.py [--rows "kill embedding,poison"] [--seed N] [--share 0.1] [--print-only]

A source publishes while a row's faults are injected; it writes down what the broker acknowledged. Then the checker
reads topics, index, log and API from outside and holds them against that. A part of the rows only prints.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "benchmarks")]

from faults import enter_namespaces, in_namespaces, remove_disk, small_disk  # noqa: E402
from findings import Finding, Kept, show, write_report  # noqa: E402
from measure import revision  # noqa: E402
from rich.console import Console  # noqa: E402
from rows import DISKS, Row, Run, all_rows  # noqa: E402
from source import LAST_SECONDS_MAX, publish, wait_for  # noqa: E402
from support.live import REPOSITORY, LiveStack  # noqa: E402
from watch import Watcher  # noqa: E402

from staithe.stack.layout import CachePaths  # noqa: E402

DISK_MEBIBYTES: Final = {"broker": 2048, "audit": 512, "objects": 512}
CHECK_SECONDS_MAX: Final = 1200.0
PROXY_MODULE: Final = "github.com/Shopify/toxiproxy/v2/cmd/server"


def main() -> int:
    """Run; 0 when no row lost, doubled or resurrected anything."""
    arguments = _arguments()
    chosen = [
        row for row in all_rows().values() if arguments.rows in ("all", "") or row.name in arguments.rows.split(",")
    ]
    if not in_namespaces() and not arguments.plain:
        _proxy(chosen)  # Now: in a network of its own nothing can be fetched.
        code = enter_namespaces([sys.executable, __file__, *sys.argv[1:]])
        if code is not None:
            return code
    console = Console()
    measured, begun = revision(REPOSITORY), time.time()
    whole = len(chosen) == len(all_rows()) and arguments.share == 1.0 and in_namespaces()
    path = REPOSITORY / "docs" / "reliability.md"
    kept = Kept.of(path) if arguments.add else None

    def keep(findings: Sequence[Finding]) -> None:
        if (whole or arguments.write or arguments.add) and not arguments.print_only:
            write_report(
                path, findings, rows=list(all_rows()), seed=arguments.seed, share=arguments.share, revision=measured,
                seconds=time.time() - begun, kept=kept,
            )  # fmt: skip

    with tempfile.TemporaryDirectory(prefix="staithe-chaos-") as folder:
        findings = _hurt(Path(folder), chosen, arguments, console, keep)
    show(findings, console)
    return 0 if all(finding.holds for finding in findings) else 1


def _hurt(
    folder: Path, chosen: Sequence[Row], arguments: argparse.Namespace, console: Console,
    keep: Callable[[Sequence[Finding]], None],
) -> list[Finding]:  # fmt: skip
    """Every row in turn. `keep` gets what there is after each, for a run takes long and may be cut off."""
    live, proxy = LiveStack("lite", folder / "stack"), _proxy(chosen)
    if in_namespaces():
        live.folder.mkdir(mode=0o700)
        for disk, name in DISKS.items():
            small_disk(getattr(live.paths, name), DISK_MEBIBYTES[disk])
    findings: list[Finding] = []
    try:
        live.start()
        for row in chosen:
            if row.namespaces and not in_namespaces():
                console.print(f"[yellow]{row.name}: left out, it needs root, unshare, ip and nft[/]")
                continue
            console.print(f"[bold]{row.name}[/]: {row.what}", highlight=False)
            finding = _one(live, row, folder, proxy, arguments)
            findings.append(finding)
            keep(findings)
            console.print(f"  {finding.in_words()}", highlight=False)
        live.stop()
    finally:
        live.kill()
        if in_namespaces():
            for name in DISKS.values():
                remove_disk(getattr(live.paths, name))
    return findings


def _one(live: LiveStack, row: Row, folder: Path, proxy: Path | None, arguments: argparse.Namespace) -> Finding:
    journal = folder / f"{row.name.replace(' ', '-')}.jsonl"
    watcher = Watcher(live)
    watcher.start()
    number = list(all_rows()).index(row.name)
    seed = arguments.seed * 1000 + number
    load = publish(
        live, journal, "--seed", str(seed), "--rate", str(row.rate), "--poison", str(row.poison),
        "--large", str(row.large),
    )  # fmt: skip
    run = Run(live, watcher, journal, random.Random(seed), max(1, round(row.count * arguments.share)), proxy)  # noqa: S311
    try:
        wait_for(journal)
        row.act(run)
        if row.replays:
            again = publish(live, journal, "--seed", str(seed), "--rate", "20", "--replay", str(_copy(journal)))
            again.wait(CHECK_SECONDS_MAX)
    finally:
        load.terminate()
        gave_up = load.wait(LAST_SECONDS_MAX)
    verdict = judge(live, journal)
    watcher.stop()
    return Finding(
        row.name,
        row.what,
        run.injected,
        verdict,
        tuple(run.recoveries),
        dict(watcher.memory),
        gave_up != 0,
        revision(REPOSITORY),
    )


def _copy(journal: Path) -> Path:
    copy = journal.with_suffix(".replayed")
    shutil.copy(journal, copy)
    return copy


def judge(live: LiveStack, journal: Path) -> dict[str, Any]:
    """The checker's verdict on a journal, once everything has settled."""
    command = [
        sys.executable, str(HERE / "check.py"), "--folder", str(live.folder), "--port-base", str(live.ports.base),
        "--journal", str(journal),
    ]  # fmt: skip
    answer = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=live.environment,
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS_MAX,
        check=False,
    )
    if not answer.stdout:
        raise SystemExit(f"the checker failed:\n{answer.stderr[-4000:]}")
    verdict: dict[str, Any] = json.loads(answer.stdout)
    return verdict


def _proxy(chosen: Sequence[Row]) -> Path | None:
    """The latency proxy, built once from sources pinned in toxiproxy/go.sum; None where nobody needs it."""
    if not any(row.name.startswith("latency") for row in chosen):
        return None
    import os  # noqa: PLC0415

    target = CachePaths.of_user(dict(os.environ)).root / "toxiproxy"
    subprocess.run(["go", "build", "-o", str(target), PROXY_MODULE], cwd=HERE / "toxiproxy", check=True)
    return target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hurt a stack of its own and count what is lost.")
    parser.add_argument("--rows", default="all", help="names of rows, separated by commas (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which documents and which moments (default 1)")
    parser.add_argument("--share", type=float, default=1.0, help="share of each row's faults (default 1.0)")
    parser.add_argument("--plain", action="store_true", help="no namespaces; leaves out the rows that need them")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md also for a part")
    parser.add_argument("--add", action="store_true", help="the same, keeping there the rows of earlier runs")
    parser.add_argument("--print-only", action="store_true", help="write no file")
    arguments = parser.parse_args()
    unknown = set(arguments.rows.split(",")) - set(all_rows()) - {"all", ""}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(all_rows())}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
