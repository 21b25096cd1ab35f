"""`make bench-query`: the query service beside a bare search, its cold start, and how right it is.

    python tests/benchmarks/bench_query.py [--rounds N] [--seconds N] [--folder LABELLED …] [--milvus lite|server]

Starts a stack of its own, publishes the samples, and writes docs/benchmarks-query.md. Nothing is asserted about time.
"""

import argparse
import platform
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import bench_retrieval  # noqa: E402
import psutil  # noqa: E402
from measure import load_average, machine, milliseconds, percentile, revision, rss_mib  # noqa: E402
from quality import measure_right  # noqa: E402
from query_load import CLIENTS, Asking, Load, closed, paced  # noqa: E402
from report import Section, Table, markdown, show  # noqa: E402
from rich.console import Console  # noqa: E402
from support.corpus import DOCUMENTS, SAMPLES, questions  # noqa: E402
from support.live import REPOSITORY, LiveStack, free_ports  # noqa: E402

from staithe.cli.local import Who  # noqa: E402
from staithe.kernel.tls import client_context  # noqa: E402
from staithe.stack.ports import HOST  # noqa: E402
from staithe.vectors.model.encoder import load_encoder  # noqa: E402
from staithe.vectors.model.files import default_cache_dir, model_paths  # noqa: E402
from staithe.vectors.model.pins import model_digest  # noqa: E402
from staithe.vectors.store import collection_name  # noqa: E402

TENANT: Final = "harbour"
STEADY_PART: Final = 0.5
"""Of what the query service answers at most: the rate at which both are asked for latency."""
STARTS: Final = 3
START_SECONDS_MAX: Final = 60.0


class Bare:
    """The bare path as a process of its own."""

    def __init__(self, stack: LiveStack) -> None:
        self._port = free_ports().base
        certificate = stack.paths.pki_services / "query.pem"
        self._process = subprocess.Popen(
            [
                sys.executable, str(HERE / "bare_query.py"), str(self._port),
                f"http://{HOST}:{stack.ports.of('milvus')}", collection_name(model_digest()),
                str(certificate), str(certificate.with_suffix(".key")),
            ],
            cwd=REPOSITORY,
        )  # fmt: skip

    def clients(self) -> list[Asking]:
        bodies = [{"question": each, "tenant": TENANT} for each in _asked()]
        return [Asking(f"https://{HOST}:{self._port}/search", {}, _from(bodies, n)) for n in range(CLIENTS)]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def main() -> int:
    """Run; 0 when everything was measured."""
    arguments = _arguments()
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the stack is stopped then too
    measured, began = revision(REPOSITORY), load_average()
    with tempfile.TemporaryDirectory(prefix="staithe-bench-query-") as folder:
        stack = LiveStack(arguments.milvus, Path(folder) / "stack")
        try:
            stack.start()
            stack.cli_json("publish", str(SAMPLES), seconds=600)
            sections = [measure_overhead(stack, arguments.rounds, arguments.seconds), measure_start(stack)]
            sections.append(measure_right(stack))
            stack.stop()
        finally:
            stack.kill()
    encoder = load_encoder(model_paths(default_cache_dir()))
    sections += bench_retrieval.sections(encoder, arguments.folder, answers=True, show_misses=False)
    for section in sections:
        show(section, console)
    if not arguments.print_only:
        _write(sections, measured, began, arguments.milvus)
        console.print("wrote docs/benchmarks-query.md", highlight=False)
    return 0


def measure_overhead(stack: LiveStack, rounds: int, seconds: float) -> Section:
    """Both paths by turns with the same clients: at a steady rate for latency, as fast as they go for throughput."""
    bare = Bare(stack)
    context = client_context(stack.paths.services_authority)
    ours, theirs = _clients(stack), bare.clients()
    try:
        for each in (ours, theirs):
            _warm(each, context)
        full = [(closed(theirs, context, seconds), closed(ours, context, seconds)) for _ in range(rounds)]
        rate = STEADY_PART * percentile([own.rate for _, own in full], 50)
        steady = [(paced(theirs, context, seconds, rate), paced(ours, context, seconds, rate)) for _ in range(rounds)]
    finally:
        bare.stop()
    memory = rss_mib(stack.pid_of("query"))
    section = Section("query-overhead", f"Beside a bare search, {CLIENTS} clients at once")
    section.tables += [_latency(steady, rate), _throughput(full)]
    section.notes += [
        (
            "Bare: the same model and one dense search of the same Milvus in one process of the same style (aiohttp, "
            "TLS 1.3, as many threads), without token, policy, words, sealed texts or log. Ours: all of that on, "
            "searching by meaning and by words, the audit event durable before the answer."
        ),
        (
            f"By turns, {rounds} rounds of {seconds:.0f} s each; clients, Milvus, broker and both paths share the "
            "machine's cores. At a steady rate an answer's time begins when it was due to be asked."
        ),
        f"Resident memory of the query service afterwards: {memory:,.0f} MiB.",
    ]
    return section


def _latency(rounds: list[tuple[Load, Load]], rate: float) -> Table:
    rows = []
    for name, place in (("bare", 0), ("query service", 1)):
        seconds = [each for loads in rounds for each in loads[place].seconds]
        failed = sum(sum(loads[place].failures.values()) for loads in rounds)
        rows.append(
            [name, str(len(seconds)), *(milliseconds(percentile(seconds, p)) for p in (50, 90, 99)), str(failed)]
        )
    differences = [
        [percentile(own.seconds, p) - percentile(bare.seconds, p) for bare, own in rounds] for p in (50, 90, 99)
    ]
    rows.append(
        ["overhead, median of the rounds", "", *(milliseconds(percentile(each, 50)) for each in differences), ""]
    )
    return Table((f"latency at {rate:.0f} requests/s", "answers", "p50", "p90", "p99", "failed"), rows)


def _throughput(rounds: list[tuple[Load, Load]]) -> Table:
    rows = [
        [
            f"round {number}", f"{bare.rate:.1f}/s", f"{own.rate:.1f}/s", f"{own.rate / bare.rate:.2f}",
            milliseconds(percentile(bare.seconds, 50)), milliseconds(percentile(own.seconds, 50)),
            str(sum(bare.failures.values())), ", ".join(f"{n} {what}" for what, n in own.failures.items()) or "0",
        ]
        for number, (bare, own) in enumerate(rounds, 1)
    ]  # fmt: skip
    ratio = percentile([own.rate / bare.rate for bare, own in rounds], 50)
    rows.append(["median", "", "", f"{ratio:.2f}", "", "", "", ""])
    columns = ("as fast as they go", "bare", "ours", "ratio", "bare p50", "ours p50", "bare failed", "ours failed")
    return Table(columns, rows)


def measure_start(stack: LiveStack) -> Section:
    """From a new process to ready, when the supervisor starts the query service anew."""
    seconds = []
    for _ in range(STARTS):
        old = psutil.Process(stack.pid_of("query"))
        old.terminate()
        old.wait(START_SECONDS_MAX)
        seconds.append(_until_ready(stack, old.pid))
    section = Section("query-start", "Cold start of the query service")
    rows = [[str(number), f"{each:.2f} s"] for number, each in enumerate(seconds, 1)]
    section.tables.append(Table(("start", "from the process's beginning until /readyz says 200"), rows))
    section.notes.append(
        f"Includes loading the model, following `documents.current.v1` to its end ({DOCUMENTS} documents) and Milvus."
    )
    return section


def _until_ready(stack: LiveStack, old_pid: int) -> float:
    deadline = time.monotonic() + START_SECONDS_MAX
    client = stack.client("query", None)
    while time.monotonic() < deadline:
        try:
            ready = client.get("/readyz").status_code == 200
        except Exception:  # noqa: BLE001 - not listening yet, in whichever way
            ready = False
        now, pid = time.time(), stack.state()["processes"]["query"]["pid"]
        if ready and pid and pid != old_pid:
            return float(now - psutil.Process(pid).create_time())
        time.sleep(0.02)
    raise SystemExit(f"the query service was not ready in {START_SECONDS_MAX} s\n{stack.log_tails()}")


def _clients(stack: LiveStack) -> list[Asking]:
    """As many callers as clients, so that no limit on one caller is in the way."""
    local, bodies = stack.local(), [{"question": each} for each in _asked()]
    tokens = [local.token(Who(TENANT, subject=f"bench-{n}")) for n in range(CLIENTS)]
    return [
        Asking(local.url("query") + "/v1/search", {"Authorization": f"Bearer {token}"}, _from(bodies, n))
        for n, token in enumerate(tokens)
    ]  # fmt: skip


def _warm(clients: list[Asking], context: object) -> None:
    """Until it answers; the bare path takes seconds to load its model."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if closed(clients, context, 1.0).seconds:  # type: ignore[arg-type]
            return
        time.sleep(0.5)
    raise SystemExit("a path does not answer")


def _asked() -> list[str]:
    return [each["question"] for each in questions()["questions"] if each["tenant_id"] == TENANT]


def _from(bodies: list[dict[str, str]], place: int) -> list[dict[str, str]]:
    place %= len(bodies)
    return bodies[place:] + bodies[:place]


def _write(sections: list[Section], measured: str, began: str, milvus: str) -> None:
    docs = REPOSITORY / "docs"
    kind = "Milvus Lite" if milvus == "lite" else "the Milvus server"
    lines, _ = markdown(sections, docs / "pictures", relative_to=docs)
    header = [
        "# The query service, measured", "",
        "Written by `make bench-query`; do not edit. Figures hold for one machine and one day, ratios travel.", "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}",
        f"- {machine()}, Python {platform.python_version()}, {kind}, {DOCUMENTS} sample documents",
        f"- load average over one minute before the stack was started: {began}",
    ]  # fmt: skip
    (docs / "benchmarks-query.md").write_text("\n".join([*header, "", *lines]).rstrip("\n") + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the query service beside a bare search.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each kind (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each path in a round (default 10)")
    parser.add_argument(
        "--folder", type=Path, nargs="*", default=[], help="labelled folders in BEIR's or TREC's layout"
    )
    parser.add_argument("--milvus", choices=("lite",), default="lite", help="the bare path speaks to Milvus Lite only")
    parser.add_argument("--print-only", action="store_true", help="write no files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
