"""What the bench found: sections of tables, charts and sentences, shown on a terminal and written as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chart import Bars, svg
from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """Rows of cells that are words already; the first column is a name, the others are figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass
class Section:
    """One part of the report. `notes` say how it was measured and what limits."""

    slug: str
    title: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Bars] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def show(section: Section, console: Console) -> None:
    """Print a section."""
    console.print(f"\n[bold]{section.title}[/]")
    for table in section.tables:
        drawn = RichTable(box=None, pad_edge=False, header_style="dim")
        for index, column in enumerate(table.columns):
            drawn.add_column(column, justify="right" if index else "left")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)
    for note in section.notes:
        console.print(f"  [dim]{note}[/]", highlight=False)


def write(path: Path, pictures: Path, header: Sequence[str], sections: Sequence[Section]) -> list[Path]:
    """Write the report and one picture for each section that has a chart; returns every file written."""
    lines, written = markdown(sections, pictures, relative_to=path.parent)
    path.write_text("\n".join(["# Benchmarks", "", *header, "", *lines]).rstrip("\n") + "\n")
    return [path, *written]


def markdown(sections: Sequence[Section], pictures: Path, *, relative_to: Path) -> tuple[list[str], list[Path]]:
    """The sections as lines, their pictures written; links are relative to the folder of the page."""
    pictures.mkdir(parents=True, exist_ok=True)
    written = []
    lines: list[str] = []
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.charts:
            picture = pictures / f"bench-{section.slug}.svg"
            picture.write_text(svg(section.title, section.charts))
            written.append(picture)
            lines += [f"![{section.title}]({picture.relative_to(relative_to).as_posix()})", ""]
        for table in section.tables:
            lines += [*_markdown(table), ""]
        lines += [f"- {note}" for note in section.notes]
        lines.append("")
    return lines, written


def _markdown(table: Table) -> list[str]:
    rows = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return ["| " + " | ".join(row) + " |" for row in rows]
