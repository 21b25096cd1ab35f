"""Publishes documents and times the pipeline, in turns with a bare ONNX Runtime loop over exactly the same chunks."""

import dataclasses
import itertools
import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import psutil
from bare_loop import THREADS, BareLoop, LoopRun, same_chunks
from chart import Bars
from measure import ProcessorTime, median, pids_of
from prometheus_client.parser import text_string_to_metric_families
from report import Section, Table
from support.corpus import SAMPLES
from support.live import LiveStack

from staithe.cli.manifest import DocumentFile, documents_in
from staithe.cli.publish import publish
from staithe.kernel.events import DocumentIndexed
from staithe.kernel.stream.tail import Tail
from staithe.kernel.topology import DEAD_LETTER_SUFFIX
from staithe.stack.fates import INDEXED_TOPIC, QUARANTINED_TOPIC
from staithe.stack.identities import OPERATOR
from staithe.stack.services import health_page

OWN: Final = "bench (publishing, watching)"
OTHERS_NOTABLE: Final = 0.1
STREAMS: Final = ("ingestion", "sanitization", "embedding", "indexing")
RATIO_TARGET: Final = 0.8
RUN_SECONDS_MAX: Final = 900.0
FIRST_BATCH_SECONDS: Final = 0.5
"""Events of one transaction are seen together, give or take a poll."""
IDLE_SECONDS: Final = 6.0
"""After a run: the index flushes what is younger than five seconds, the audit service catches up."""


@dataclass(frozen=True)
class Run:
    """One timed run of the pipeline: seconds count from before the first send."""

    documents: int
    indexed: int
    chunks: int
    seconds: float
    steady_chunks: int
    steady_seconds: float
    used: ProcessorTime
    busy: dict[str, float]


@dataclass(frozen=True)
class Pair:
    """A run of the pipeline and the two runs of the bare loop around it."""

    run: Run
    loops: tuple[LoopRun, LoopRun]

    @property
    def loop_rate(self) -> float:
        """The bare loop's chunks a second, the mean of before and after."""
        return (self.loops[0].rate + self.loops[1].rate) / 2

    @property
    def rate(self) -> float:
        """The pipeline's chunks a second, from before the first send."""
        return self.run.chunks / self.run.seconds

    @property
    def ratio(self) -> float:
        """The pipeline's rate as a part of the bare loop's."""
        return self.rate / self.loop_rate

    @property
    def steady_ratio(self) -> float:
        """The same from the first to the last documents.indexed event."""
        return self.run.steady_chunks / self.run.steady_seconds / self.loop_rate

    @property
    def cpu_ratio(self) -> float:
        """The bare loop's processor time for a chunk as a part of what the whole stack uses for it."""
        loop = (self.loops[0].cpu_seconds + self.loops[1].cpu_seconds) / 2
        return loop / (sum(self.run.used.processes.values()) / self.run.chunks)


def measure_throughput(stack: LiveStack, *, threads: int, seconds: float, repetitions: int) -> Section:
    """The whole section: each run of the pipeline, of about `seconds`, stands between two runs of the bare loop.

    Model and bare loop have `threads` threads each. The stack is started anew where that takes another setting.
    """
    settings = {"STAITHE_EMBEDDING_CONCURRENCY": str(threads)} if threads != THREADS else {}
    if stack.settings != settings:
        stack.stop()
        stack.settings = settings
        stack.start()
    name = f".threads{threads}"
    run_once(stack, f"{name}.warm", copies=1)
    time.sleep(IDLE_SECONDS)
    token_ids = same_chunks(stack, f"{name}.warm")
    loop = BareLoop(threads)
    copies = max(1, math.ceil(seconds * loop.run(token_ids).rate * RATIO_TARGET / len(token_ids)))
    token_ids *= copies
    bare, runs = [loop.run(token_ids)], []
    for repetition in range(repetitions):
        runs.append(run_once(stack, f"{name}.run{repetition}", copies=copies))
        time.sleep(IDLE_SECONDS)
        bare.append(loop.run(token_ids))
    if any(run.chunks != len(token_ids) for run in runs):
        raise SystemExit("the pipeline indexed other chunks than the bare loop embedded")
    return _section(threads, [Pair(run, pair) for run, pair in zip(runs, itertools.pairwise(bare), strict=True)])


def run_once(stack: LiveStack, suffix: str, *, copies: int) -> Run:
    """Publish every sample `copies` times under ids with this suffix, and wait until each has ended."""
    local = stack.local()
    codec, named = local.codec(), _named(suffix, copies)
    letters = [each.name for each in local.topology.all_topics() if each.name.endswith(DEAD_LETTER_SUFFIX)]
    tail = Tail(local.access(OPERATOR), [INDEXED_TOPIC, QUARANTINED_TOPIC, *letters], from_beginning=False)
    pids, busy = pids_of(stack.state()), _busy_seconds(stack)
    before = ProcessorTime.now(pids, own=OWN)
    arrivals: list[tuple[float, int]] = []
    ended = Counter[str]()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(publish, local, named, lambda: None)
        while ended.total() < len(named):
            if time.monotonic() - before.clock > RUN_SECONDS_MAX:
                raise SystemExit(f"only {ended.total()} of {len(named)} documents ended in {RUN_SECONDS_MAX:.0f} s")
            for record in tail.poll(0.05):
                ended[record.topic] += 1
                if record.topic == INDEXED_TOPIC:
                    event = codec.decode(INDEXED_TOPIC, record.value)
                    assert isinstance(event, DocumentIndexed)
                    arrivals.append((time.monotonic(), event.chunk_count))
        used = ProcessorTime.now(pids, own=OWN).since(before)
        sending.result()
    tail.close()
    codec.close()
    first, last = arrivals[0][0], arrivals[-1][0]
    return Run(
        documents=len(named), indexed=ended[INDEXED_TOPIC], chunks=sum(count for _, count in arrivals),
        seconds=last - before.clock, steady_seconds=last - first,
        # What came with the first transaction was worked on before it was seen.
        steady_chunks=sum(count for moment, count in arrivals if moment > first + FIRST_BATCH_SECONDS), used=used,
        busy={name: seconds - busy[name] for name, seconds in _busy_seconds(stack).items()},
    )  # fmt: skip


def _named(suffix: str, copies: int) -> list[DocumentFile]:
    samples = list(documents_in(SAMPLES, None))
    return [
        dataclasses.replace(each, document_id=f"{each.document_id}.{copy}{suffix}")
        for copy in range(copies)
        for each in samples
    ]


def _busy_seconds(stack: LiveStack) -> dict[str, float]:
    """Seconds each service has spent on batches, from its own metrics."""
    sums = {}
    for name in STREAMS:
        _, page = health_page(stack.ports.of(f"{name}_health"), "/metrics")
        sums[name] = sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == f"staithe_{name}_batch_seconds_sum"
        )
    return sums


def _section(threads: int, pairs: Sequence[Pair]) -> Section:
    runs = [each.run for each in pairs]
    ratio, steady = median([each.ratio for each in pairs]), median([each.steady_ratio for each in pairs])
    cpu = median([each.cpu_ratio for each in pairs])
    cores = psutil.cpu_count() or 1
    words = "1 thread" if threads == 1 else f"{threads} threads"
    section = Section(f"throughput-{threads}", f"Throughput of the pipeline, {words} for the model on {cores} cores")
    section.tables = [_runs(pairs), _shares(runs), _stages(runs)]
    rates = [
        ("bare ONNX loop", median([each.loop_rate for each in pairs])),
        ("pipeline", median([each.rate for each in pairs])),
    ]
    ratios = [("send to last indexed", ratio), ("first to last indexed", steady), ("by processor time", cpu)]
    section.charts = [
        Bars("Chunks a second", rates, digits=1),
        Bars("Ratio to the bare loop", ratios, full=1.0, target=RATIO_TARGET, digits=2),
    ]
    section.notes = [
        (
            f"**Ratio of the pipeline to the bare loop: {ratio:.2f}** (median of {len(runs)}; target {RATIO_TARGET}); "
            f"from the first to the last `documents.indexed` event {steady:.2f}; by processor time {cpu:.2f}."
        ),
        (
            "The bare loop is the same model on exactly the same chunks (digests compared with `chunks.embedded.v1`), "
            f"one process, {words}, tokens ready, stack idle, before and after each run."
        ),
        (
            "Time counts from before the first send until the last document is indexed; the first-to-last figure "
            "leaves out the chunks of the first transaction."
        ),
        (
            "By processor time: what the loop uses for a chunk as a part of what stack, publisher and watcher use for "
            "it; about what the ratio by the clock falls to when nobody else uses the machine and its cores are full."
        ),
        (
            f"With {words} the model leaves a core to the other services, so the ratio says how busy they keep it."
            if threads < cores
            else f"With {words} the model wants every core, so the ratio is what the other services leave of them."
        ),
        _limit(runs),
    ]
    return section


def _runs(pairs: Sequence[Pair]) -> Table:
    rows = []
    for number, each in enumerate(pairs, 1):
        run = each.run
        counts = [f"run {number}", str(run.indexed), str(run.chunks), f"{run.seconds:.1f} s"]
        rates = [f"{run.indexed / run.seconds:.1f}", f"{each.rate:.1f}", f"{each.loop_rate:.1f}"]
        rows.append([*counts, *rates, f"{each.ratio:.2f}", f"{each.steady_ratio:.2f}", f"{each.cpu_ratio:.2f}"])
    columns = ("", "documents", "chunks", "time", "documents/s", "chunks/s", "bare loop, chunks/s")
    return Table((*columns, "ratio", "first to last", "processor time"), rows)


def _shares(runs: Sequence[Run]) -> Table:
    """Where processor time went."""
    cores = psutil.cpu_count() or 1
    rows = []
    for name in runs[0].used.processes:
        seconds = median([run.used.processes[name] for run in runs])
        share = median([run.used.processes[name] / (run.used.clock * cores) for run in runs])
        each = median([run.used.processes[name] / run.chunks for run in runs])
        rows.append((seconds, [name, f"{seconds:.1f} s", f"{share:.0%}", f"{each * 1000:.1f} ms"]))
    rows.sort(key=lambda row: -row[0])
    others = median([_others(run) for run in runs])
    last = ["other programs of the machine", "", f"{others:.0%}", ""]
    return Table(("processor time of", "each run", f"of {cores} cores", "per chunk"), [*(row for _, row in rows), last])


def _stages(runs: Sequence[Run]) -> Table:
    rows = [[name, f"{median([run.busy[name] / run.used.clock for run in runs]):.0%}"] for name in STREAMS]
    return Table(("time share of stage", "busy with a batch"), rows)


def _limit(runs: Sequence[Run]) -> str:
    """What limits, in words, from the figures."""
    cores = psutil.cpu_count() or 1
    whole = median([run.used.machine / (run.used.clock * cores) for run in runs])
    model = median([run.used.processes["embedding"] / sum(run.used.processes.values()) for run in runs])
    slowest = max(STREAMS, key=lambda name: median([run.busy[name] / run.used.clock for run in runs]))
    share = median([run.busy[slowest] / run.used.clock for run in runs])
    others = median([_others(run) for run in runs])
    flattered = (
        f" Other programs had {others:.0%} of the cores: the services beside embedding then took time from those too, "
        "which flatters the ratio by the clock; trust the one by processor time, or run again on a quiet machine."
        if others > OTHERS_NOTABLE
        else ""
    )
    return (
        f"What limits: all cores were {whole:.0%} busy; embedding had {model:.0%} of the processor time that stack and "
        f"bench used. The stage busiest with batches is {slowest} ({share:.0%} of the time).{flattered}"
    )


def _others(run: Run) -> float:
    """The part of all cores that programs used which are neither stack nor bench."""
    cores = psutil.cpu_count() or 1
    return max(run.used.machine - sum(run.used.processes.values()), 0.0) / (run.used.clock * cores)
