"""What a chaos run found: one line for each row, shown on a terminal and written as docs/reliability.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from measure import machine, percentile
from rich.console import Console
from rich.table import Table

COLUMNS: Final = (
    "row", "injected", "acknowledged", "lost", "duplicated", "resurrected", "mixed", "unlogged", "recovery p50",
    "recovery p95", "recovery max", "commit",
)  # fmt: skip
KINDS: Final = ("lost", "duplicated", "resurrected", "mixed", "unlogged")
NAMED_MAX: Final = 10
MIB: Final = 1 << 20
HOW: Final = (
    """A source in a process of its own publishes new documents, new versions (15 %) and erasures (5 %) and writes down
  each version whose acknowledgement has arrived. Its seed fixes the documents.""",
    """A checker in a process of its own then reads topics, index, audit log and the query service from outside and
  compares by id and version. It is shown planted losses, duplicates and resurrections by `tests/chaos/test_judge.py`
  and, on a running stack, by `tests/chaos/test_short.py`.""",
    """*lost*: an acknowledged version without a fate, or a newest version that is not current, not whole in the index,
  or not served with its own text. *duplicated*: two endings of one version, a row twice. *resurrected*: an erased
  document that is current, has rows or answers. *mixed*: rows of a version that is not current. *unlogged*: an audit
  event that is not in the log exactly once.""",
    """Recovery counts from the fault (or its end, where it lasts) until a version acknowledged later is searchable and
  every process is ready again.""",
)


@dataclass(frozen=True)
class Finding:
    """One row after its run. `memory` is the most each process held, in bytes."""

    row: str
    what: str
    injected: int
    verdict: dict[str, Any]
    recoveries: tuple[float | None, ...]
    memory: dict[str, int]
    source_gave_up: bool
    revision: str

    @property
    def holds(self) -> bool:
        """Nothing lost, doubled, resurrected, mixed or unlogged; everything came back; the source got through."""
        return bool(self.verdict["holds"]) and None not in self.recoveries and not self.source_gave_up

    def cells(self) -> list[str]:
        """The row's line of the table."""
        seconds = [each for each in self.recoveries if each is not None]
        ranks = [percentile(seconds, 50), percentile(seconds, 95), max(seconds)] if seconds else []
        times = [f"{each:.1f} s" for each in ranks] or ["-"] * 3
        if None in self.recoveries:
            times[-1] = f"{self.recoveries.count(None)} not in time"
        counts = [str(len(self.verdict[kind])) for kind in KINDS]
        return [self.row, str(self.injected), str(self.verdict["acknowledged"]), *counts, *times, self.revision[:7]]

    def in_words(self) -> str:
        """The row in one line, with the first ids where something does not hold."""
        line = ", ".join(f"{name} {cell}" for name, cell in zip(COLUMNS[1:], self.cells()[1:], strict=True))
        named = [each for kind in KINDS for each in self.verdict[kind]][:NAMED_MAX]
        return "\n    ".join([line, *named])


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if index else "left")
    for finding in findings:
        table.add_row(*finding.cells(), style="" if finding.holds else "red")
    console.print(table)


@dataclass(frozen=True)
class Kept:
    """What a report says of the rows of earlier runs: their lines of the table, and what they do."""

    lines: dict[str, str]
    words: dict[str, str]

    @classmethod
    def of(cls, path: Path) -> "Kept":
        """All rows of a report; none where there is no report."""
        text = path.read_text().splitlines() if path.is_file() else []
        cells = [line for line in text if line.startswith("| ") and line.count("|") == len(COLUMNS) + 1]
        words = [line for line in text if line.startswith("- **")]
        return cls(
            {line.split("|")[1].strip(): line for line in cells[1:] if not line.startswith("| ---")},
            {line[4:].partition("**")[0]: line for line in words},
        )


def write_report(
    path: Path, findings: Sequence[Finding], *, rows: Sequence[str], seed: int, share: float, revision: str,
    seconds: float, kept: Kept | None = None,
) -> None:  # fmt: skip
    """Write docs/reliability.md; `rows` are the names of a full run's rows, `kept` what stays of earlier runs."""
    lines_of = dict(kept.lines if kept else {}) | {
        each.row: "| " + " | ".join(each.cells()) + " |" for each in findings
    }
    words_of = dict(kept.words if kept else {}) | {each.row: f"- **{each.row}**: {each.what}." for each in findings}
    there = [name for name in rows if name in lines_of]
    head = ["| " + " | ".join(each) + " |" for each in (COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)])]
    held: dict[str, int] = {}
    for finding in findings:
        for name, size in finding.memory.items():
            held[name] = max(held.get(name, 0), size)
    memory = ", ".join(f"{name} {size / MIB:,.0f} MiB" for name, size in sorted(held.items()))
    command = f"python tests/chaos/run.py --seed {seed}" + (f" --share {share}" if share != 1.0 else "")
    lines = [
        "# Reliability", "",
        "Written by `make chaos`; do not edit.", "",
        "> acknowledged = indexed + quarantined + dead-lettered + erased + superseded, by document id and version;",
        "> nothing twice, nothing erased that answers, no version mixed with another, every action in the log.", "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {revision}, `{command}`, {seconds / 60:.0f} minutes",
        f"- {machine()}, one broker, Milvus Lite",
        f"- {len(there)} of {len(rows)} rows; each with the commit that it was measured at",
        f"- The most memory any process held: {memory}", "",
        *head, *(lines_of[name] for name in there), "",
        "## What the rows do", "",
        *(words_of[name] for name in there), "",
        "## How it is judged", "",
        *(f"- {each}" for each in HOW),
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
