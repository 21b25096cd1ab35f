"""How scanned documents look: coloured spans, tables, differences."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from staithe.cli.scanning import Scanned
from staithe.sanitization.document import SafeDocument
from staithe.sanitization.policy import Verdict

ACTION_STYLES: Final[Mapping[str, str]] = {
    "keep": "green", "mask": "black on yellow", "pseudonymise": "black on cyan", "hash": "black on cyan",
    "generalise": "black on blue", "shift_date": "black on blue", "drop": "strike red",
    "quarantine": "bold white on red", "block": "bold white on red",
}  # fmt: skip
VERDICT_STYLES: Final = {Verdict.PASS: "green", Verdict.QUARANTINE: "yellow", Verdict.BLOCK: "bold red"}


def coloured(scanned: Scanned) -> Text:
    """The text with each finding in the colour of what is done to it."""
    text = Text(printable(scanned.text))
    if scanned.document is not None:
        for each in scanned.document.parts["text"].findings:
            text.stylize(ACTION_STYLES[each.decision.action.value], each.start, each.end)
    return text


def difference(scanned: Scanned) -> Text:
    """What changes in the text, as a unified diff without its head."""
    after = scanned.document.text if scanned.document else ""
    shown = Text()
    lines = difflib.unified_diff(scanned.text.splitlines(), after.splitlines(), lineterm="", n=1)
    for number, line in enumerate(lines):
        if number >= 2:
            shown.append(printable(line) + "\n", {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    return shown


def summary_table(results: Sequence[Scanned]) -> Table:
    """One line for each document."""
    table = Table(title=f"{len(results)} documents", title_justify="left")
    for heading in ("document", "verdict", "findings"):
        table.add_column(heading, overflow="fold")
    for each in results:
        if each.document is None:
            table.add_row(Text(each.name), Text("error", style="bold red"), Text(each.error))
            continue
        verdict = Text(each.document.verdict.value, style=VERDICT_STYLES[each.document.verdict])
        why = ", ".join(each.document.reason_codes)
        table.add_row(Text(each.name), verdict, Text(_counted(each.document) + (f"  ({why})" if why else "")))
    return table


def explain_table(document: SafeDocument) -> Table:
    """Each finding: where, what, how sure, which rule, what becomes of it."""
    table = Table(title="findings, in order", title_justify="left")
    for heading in ("where", "kind", "rule", "action", "value", "becomes"):
        table.add_column(heading, overflow="fold")
    for row in explained(document):
        table.add_row(
            f"{row['field']} {row['start']} to {row['end']}", f"{row['entity']} {row['score']:.2f} {row['detector']}",
            row["rule"], Text(row["action"], style=ACTION_STYLES[row["action"]]), Text(printable(row["value"])),
            Text(printable(row["becomes"])),
        )  # fmt: skip
    return table


def explained(document: SafeDocument) -> Iterator[dict[str, Any]]:
    """The same, for programs."""
    for field, each in document.findings():
        yield {
            "field": field, "start": each.start, "end": each.end, "entity": each.entity, "score": round(each.score, 3),
            "detector": each.detector, "rule": each.decision.rule, "action": each.decision.action.value,
            "value": each.value, "becomes": each.replacement,
        }  # fmt: skip


def printable(text: str) -> str:
    """Without characters that a terminal would obey; as long as before."""
    return "".join(each if each.isprintable() or each in "\n\t" else "·" for each in text)


def _counted(document: SafeDocument) -> str:
    counts = Counter((each.entity, each.decision.action.value) for _, each in document.findings())
    return ", ".join(f"{count} {entity} {action}" for (entity, action), count in sorted(counts.items())) or "none"
