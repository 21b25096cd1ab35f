"""How dead letters, and what is held, look on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

STATES: Final[Mapping[str, str]] = {"open": "yellow", "replayed": "green", "dropped": "dim"}


def age(seconds: int) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def letters_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line for each letter, and how many there are."""
    counts = {state: sum(row["state"] == state for row in rows) for state in STATES}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"
    table = Table(title=f"Dead letters: {told}", title_justify="left")
    table.add_column("place", overflow="fold")
    for heading in ("reason", "stage", "document"):
        table.add_column(heading, overflow="fold")
    for heading in ("bytes", "age"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for row in rows:
        document = f"{row['tenant_id']}/{row['document_id']}" if row["document_id"] else "?"
        table.add_row(
            row["place"], row["reason_code"], row["stage"], Text(document), str(row["record_bytes"]),
            age(row["age_seconds"]), Text(row["state"], style=STATES[row["state"]]),
        )  # fmt: skip
    return table


def letter_panel(body: Mapping[str, Any], text: str, *, revealed: bool) -> Panel:
    """A letter's particulars and what its record says."""
    heading = "content, as it is" if revealed else "preview, masked by the detectors"
    return particulars_panel(f"dead letter {body['place']}", body, heading, text)


def particulars_panel(title: str, body: Mapping[str, Any], heading: str, text: str) -> Panel:
    """Names and values, and below them a text under its heading."""
    particulars = Table(box=None, pad_edge=False, show_header=False)
    particulars.add_column(style="dim")
    particulars.add_column(overflow="fold")
    for name, value in body.items():
        if value not in ("", None, [], {}):
            particulars.add_row(name.replace("_", " "), Text(str(value)))
    return Panel(
        Group(particulars, Text(), Text(heading, style="bold"), Text(text)),
        title=Text(title), border_style="yellow", padding=(1, 2),
    )  # fmt: skip


def outcomes_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What became of each letter."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        good = row["outcome"].islower()
        table.add_row(Text("✓" if good else "✗", style="green" if good else "red"), Text(row["place"]), row["outcome"])
    if not rows:
        table.add_row(Text("no letters to settle", style="dim"))
    return table
