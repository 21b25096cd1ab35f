"""What people see: tables and panels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from staithe.stack.fates import Fate

STATE_STYLES: Mapping[str, str] = {
    "ready": "green", "starting": "yellow", "restarting": "yellow", "failed": "bold red", "stopped": "dim",
    "halted": "bold red",
}  # fmt: skip


def answer_panel(question: str, answer: Mapping[str, Any]) -> Panel:
    """An answer with its citations below it."""
    lines = [Text(answer["text"], style="bold" if answer["answered"] else "yellow")]
    for each in answer["citations"]:
        span = f"characters {each['span']['start']} to {each['span']['end']}"
        place = f"{each['document_id']}  version {each['document_version']}  {span}  score {each['score']:.2f}"
        lines += [Text(), Text(f"“{each['quote']}”", style="italic"), Text(place, style="cyan")]
    return Panel(
        Group(*lines),
        title=Text(question),
        subtitle=f"answer {answer['answer_id']}",
        border_style="cyan",
        padding=(1, 2),
    )


def erasure_panel(receipt: Mapping[str, Any]) -> Panel:
    """The receipt of an erasure: what went, and what it does not cover."""
    when = datetime.fromtimestamp(receipt["completed_at"] / 1000, UTC).isoformat(timespec="milliseconds")
    lines = [
        Text(f"every version up to {receipt['document_version']}, {when}", style="bold"),
        Text(f"{receipt['rows_removed']} rows removed from the index, none left"),
        Text(
            f"{receipt['secrets_destroyed']} secrets destroyed: no sealed copy on any topic, in quarantine, among the"
        ),
        Text("dead letters or in a backup opens any more"),
        Text(f"audit log: {receipt['audit_event_id']}, {receipt['keys_audit_event_id']}", style="cyan"),
        Text("\nnot covered", style="yellow"),
        *(Text(f"· {each}") for each in receipt["not_covered"]),
    ]
    return Panel(Group(*lines), title=Text(f"{receipt['document_id']} is erased"), border_style="green", padding=(1, 2))


def results_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Search results, best first."""
    table = Table(title=f"{len(results)} results", title_justify="left")
    table.add_column("score", justify="right")
    table.add_column("document", no_wrap=True)
    table.add_column("text")
    for each in results:
        text = " ".join(each["text"].split())
        table.add_row(f"{each['score']:.3f}", each["document_id"], Text(text[:240] + ("…" if len(text) > 240 else "")))
    return table


def fates_table(fates: Mapping[Any, Fate | None]) -> Table:
    """How many documents ended how."""
    counts = Counter(fate.value if fate else "still under way" for fate in fates.values())
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, count in sorted(counts.items()):
        table.add_row(Text(name, style="green" if name == Fate.INDEXED else "yellow"), str(count))
    return table


def status_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each process."""
    table = Table(title="Staithe, local stack", title_justify="left", caption_justify="left")
    table.add_column("process")
    table.add_column("state")
    for heading in ("pid", "memory MiB", "restarts", "lag", "processed", "dead letters"):
        table.add_column(heading, justify="right")
    for row in rows:
        state = Text(row["state"], style=STATE_STYLES.get(row["state"], ""))
        cells = [
            str(row.get(name, "")) for name in ("pid", "memory_mib", "restarts", "lag", "processed", "dead_letters")
        ]
        table.add_row(row["process"], state, *cells)
    total = sum(int(row.get("memory_mib") or 0) for row in rows)
    table.caption = "\n".join([f"{total} MiB in all", *(f"! {row['note']}" for row in rows if row.get("note"))])
    return table
