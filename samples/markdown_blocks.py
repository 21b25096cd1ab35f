"""Reads the small part of Markdown that the sample sources use, for the PDF and DOCX writers.

Known: `#` to `###` headings, paragraphs, `- ` and `1. ` lists, pipe tables, `**bold**` inside a line.
Anything else is plain text. Standard library only.
"""

import re
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,3}) (.+)")
_BULLET = re.compile(r"- (.+)")
_NUMBERED = re.compile(r"(\d+)\. (.+)")
_TABLE_RULE = re.compile(r"\|[\s:|-]+\|")


@dataclass(frozen=True)
class Block:
    """One piece of a document. kind: heading1..3, paragraph, bullet, numbered or table; label: a number's text."""

    kind: str
    text: str = ""
    label: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def parse(source: str) -> list[Block]:
    """Return the blocks of a source in reading order; wrapped lines are joined with one space."""
    blocks: list[Block] = []
    for group in re.split(r"\n\s*\n", source.strip()):
        blocks.extend(_parse_group(group.splitlines()))
    return blocks


def plain(text: str) -> str:
    """Return text without bold marks."""
    return text.replace("**", "")


def bold_runs(text: str) -> list[tuple[str, bool]]:
    """Split text at its bold marks into (text, is bold) runs, empty runs left out."""
    return [(part, index % 2 == 1) for index, part in enumerate(text.split("**")) if part]


def _parse_group(lines: list[str]) -> list[Block]:
    if lines[0].startswith("|"):
        rows = [line for line in lines if not _TABLE_RULE.fullmatch(line.strip())]
        return [Block("table", rows=tuple(_cells(row) for row in rows))]
    blocks: list[Block] = []
    for line in lines:
        opened = _open_block(line.strip())
        if opened is not None:
            blocks.append(opened)
        elif blocks and not blocks[-1].kind.startswith("heading"):
            last = blocks[-1]
            blocks[-1] = Block(last.kind, f"{last.text} {line.strip()}", last.label)
        else:
            blocks.append(Block("paragraph", line.strip()))
    return blocks


def _open_block(line: str) -> Block | None:
    if match := _HEADING.fullmatch(line):
        return Block(f"heading{len(match[1])}", match[2])
    if match := _BULLET.fullmatch(line):
        return Block("bullet", match[1])
    if match := _NUMBERED.fullmatch(line):
        return Block("numbered", match[2], match[1])
    return None


def _cells(row: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.strip().strip("|").split("|"))
