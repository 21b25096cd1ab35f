"""Horizontal bar charts as SVG by hand: no plotting library, readable on light and on dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
LABEL_WIDTH: Final = 250
VALUE_WIDTH: Final = 90
ROW: Final = 26
BAR: Final = 16
TITLE: Final = 34
GAP: Final = 14

_STYLE: Final = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .value { font-variant-numeric: tabular-nums; }
  .bar { fill: #2f6f9f; }
  .target { stroke: #b4531a; stroke-width: 2; stroke-dasharray: 4 3; }
  .track { fill: #8b949e; fill-opacity: .16; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .bar { fill: #58a6d6; } .target { stroke: #f0883e; } }
"""


@dataclass(frozen=True)
class Bars:
    """One group of bars of the same unit. `full` is the value of a bar of full length; without it the largest is.

    `target` draws a line where the value should reach.
    """

    title: str
    rows: Sequence[tuple[str, float]]
    unit: str = ""
    full: float | None = None
    target: float | None = None
    digits: int = 0


def svg(title: str, groups: Sequence[Bars]) -> str:
    """The picture: groups one below the other."""
    parts: list[str] = []
    top = 0
    for group in groups:
        parts += _group(group, top)
        top += TITLE + ROW * len(group.rows) + GAP
    size = f'width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    name = f'role="img" aria-label="{escape(title, quote=True)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>\n<style>{_STYLE}</style>'
    return "\n".join([head, *parts, "</svg>", ""])


def _group(group: Bars, top: int) -> list[str]:
    longest = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    full = group.full or max((value for _, value in group.rows), default=0.0) or 1.0
    parts = [f'<text class="title" x="0" y="{top + 20}">{escape(group.title)}</text>']
    for index, (label, value) in enumerate(group.rows):
        y = top + TITLE + ROW * index
        length = longest * min(max(value / full, 0.0), 1.0)
        parts += [
            f'<text x="{LABEL_WIDTH - 10}" y="{y + 13}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="track" x="{LABEL_WIDTH}" y="{y}" width="{longest}" height="{BAR}" rx="3"/>',
            f'<rect class="bar" x="{LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>',
            f'<text class="value" x="{WIDTH - VALUE_WIDTH + 8}" y="{y + 13}">{_words(value, group)}</text>',
        ]
    if group.target is not None:
        x = LABEL_WIDTH + longest * min(group.target / full, 1.0)
        y, height = top + TITLE - 4, ROW * len(group.rows)
        parts.append(f'<line class="target" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + height}"/>')
    return parts


def _words(value: float, group: Bars) -> str:
    number = f"{value:,.{group.digits}f}"
    return escape(f"{number} {group.unit}".strip())
