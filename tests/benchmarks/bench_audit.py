"""The audit log's own speed, beside pymerkle in the same run: appending, verifying, proofs. Needs no stack.

    python tests/benchmarks/bench_audit.py [--entries N]   # writes docs/benchmarks-audit.md

Entries are the product's: one event of each step of a document, made once before the clock starts.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from measure import load_average, machine, revision
from pymerkle import InmemoryTree, SqliteTree
from report import Section, Table, show, write
from rich.console import Console

from staithe.audit.entry import encode_entry
from staithe.audit.limits import BATCH_ENTRIES_MAX
from staithe.audit.log import TransparencyLog
from staithe.audit.proofs import prove_inclusion
from staithe.audit.verify import verify_log
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome

ROOT: Final = Path(__file__).parents[2]
PAIRED: Final = 100_000
"""Entries that both programs append: pymerkle would need minutes for the whole log."""
RECEIPTS: Final = 1_000
ACTIONS: Final = ("document.ingested", "document.sanitized", "document.embedded", "document.indexed", "query.answered")


def entries(count: int) -> Iterator[bytes]:
    """Entries of the shape and size that the services write."""
    for number in range(count):
        digest = sha256(b"%d" % number).digest()
        yield encode_entry(
            AuditEvent(
                event_id=str(uuid.UUID(int=(1_700_000_000_000 + number) << 80 | 7 << 76 | 2 << 62 | number)),
                occurred_at=1_700_000_000_000 + number, service="sanitization", action=ACTIONS[number % len(ACTIONS)],
                outcome=Outcome.SUCCESS, tenant_id="harbour", subject_sha256=digest, document_version=1,
                input_sha256=digest, output_sha256=digest, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
                attributes={"finding_count": "2", "policy_sha256": digest.hex()},
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spent:
    """How long something took: `wall` seconds, and `processor` seconds of this process, which others hardly change."""

    wall: float
    processor: float


class Watch:
    """Started when made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> Spent:
        """What went by since."""
        return Spent(time.perf_counter() - self._wall, time.process_time() - self._processor)


def append(log: TransparencyLog, made: list[bytes]) -> Spent:
    """Appending everything in batches, each durable before the next."""
    watch = Watch()
    for first in range(0, len(made), BATCH_ENTRIES_MAX):
        log.append(made[first : first + BATCH_ENTRIES_MAX])
    return watch.read()


def append_in_memory(made: list[bytes]) -> tuple[Spent, bytes]:
    """pymerkle without any storage, and its root."""
    tree = InmemoryTree(algorithm="sha256")
    watch = Watch()
    for entry in made:
        tree.append_entry(entry)
    return watch.read(), bytes(tree.get_root())


def append_in_sqlite(made: list[bytes], path: Path) -> tuple[Spent, bytes]:
    """pymerkle on a SQLite file, in batches of the same size, and its root."""
    tree = SqliteTree(str(path), algorithm="sha256")
    watch = Watch()
    for first in range(0, len(made), BATCH_ENTRIES_MAX):
        tree.append_entries(made[first : first + BATCH_ENTRIES_MAX])
    spent = watch.read()
    return spent, bytes(tree.get_root())


def measure(count: int, folder: Path) -> Section:
    """All figures of one run; raises RuntimeError when the roots differ or the log does not verify."""
    made = list(entries(count))
    paired = made[: min(PAIRED, count)]
    signer = Signer.generate()
    with TransparencyLog(folder / "paired", signer, "bench.example/log") as log:
        ours, root = append(log, paired), log.reader().checkpoint.root
    (memory, memory_root), (disk, disk_root) = append_in_memory(paired), append_in_sqlite(paired, folder / "t.sqlite")
    if not root == memory_root == disk_root:
        raise RuntimeError("the roots differ")
    with TransparencyLog(folder / "log", signer, "bench.example/log") as log:
        whole, vkey = append(log, made), str(log.key)
    processes = os.cpu_count() or 1
    reports = [verify_log(folder / "log", vkey, processes=each) for each in (1, processes)]
    if not all(report.ok for report in reports):
        raise RuntimeError("the log does not verify")
    times, sizes = receipts(folder / "log", vkey, count)
    p50, p99 = (f"{statistics.quantiles(times, n=100)[rank] * 1000:.1f} ms" for rank in (49, 98))
    section = Section("audit", "The audit log")
    section.tables = [
        Table(("append, batches of 1,024", "entries", "entries/s", "entries per processor second"), (
            _row("this log, each batch durable", paired, ours), _row("pymerkle, SQLite", paired, disk),
            _row("pymerkle, memory only", paired, memory), _row("this log, each batch durable, all", made, whole),
        )),
        Table(("verify everything", "entries", "seconds"), tuple(
            (f"{each} process{'es' if each > 1 else ''}", f"{count:,}", f"{report.seconds:.1f}")
            for each, report in zip((1, processes), reports, strict=True)
        )),
        Table(("receipt of one entry", "p50", "p99", "bytes at most"), ((
            "proof and checkpoint, made and checked", p50, p99, f"{max(sizes):,}",
        ),)),
    ]  # fmt: skip
    section.notes = [
        f"Entries of {len(made[0])} bytes. The roots of all three programs over the paired entries are the same.",
        "Processor seconds leave out waiting for the disk, and for other programs when the machine is busy.",
        "pymerkle keeps leaves and no tree on disk, and does not sign: it answers a root by computing it.",
        "Verifying reads each entry, checks its form and that its event is there once, and recomputes every tile.",
        f"The proof alone is {(count - 1).bit_length() * 32} bytes at most; a receipt is text, with the checkpoint.",
    ]
    return section


def _row(what: str, made: list[bytes], spent: Spent) -> tuple[str, ...]:
    count = len(made)
    return what, f"{count:,}", f"{count / spent.wall:,.0f}", f"{count / spent.processor:,.0f}"


def receipts(folder: Path, vkey: str, count: int) -> tuple[list[float], list[int]]:
    """Seconds and bytes of receipts for leaves all over the log."""
    times, sizes = [], []
    for number in range(RECEIPTS):
        started = time.perf_counter()
        _, receipt = prove_inclusion(folder, vkey, number * count // RECEIPTS)
        times.append(time.perf_counter() - started)
        sizes.append(len(receipt.encode()))
    return times, sizes


def main() -> None:
    """Measure, show, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    count = parser.parse_args().entries
    load, measured = load_average(), revision(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        section = measure(count, Path(folder))
    show(section, Console())
    header = [
        "Written by `make bench-audit`; do not edit. Absolute figures hold for one machine and one day, ratios travel.",
        "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {measured}",
        f"- {machine()}, Python {platform.python_version()}; load average over one minute at the start {load}",
    ]  # fmt: skip
    write(ROOT / "docs" / "benchmarks-audit.md", ROOT / "docs" / "pictures", header, [section])


if __name__ == "__main__":
    main()
