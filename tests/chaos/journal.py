"""What a source may hold Staithe to: one line for each version that the broker has acknowledged, written by the source.

The journal is the only thing the judge believes beside what it reads from the stack. A line is written when the
broker's acknowledgement has arrived, never before, so a version that is not in it may be lost without fault.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """A document, by its owner and its id."""

    tenant_id: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One version the broker has taken. `canary` is a phrase that only this version's text holds; `poison` is a record
    that can never become a document; `repeated` was sent before: it may end twice and must still show once."""

    document: Document
    version: int
    operation: str
    canary: str
    acknowledged_at: float
    poison: bool = False
    repeated: bool = False


def write(file: IO[str], line: Acknowledged) -> None:
    """Append one line and hand it to the system at once: the source may be killed next."""
    file.write(json.dumps(asdict(line)) + "\n")
    file.flush()


def read(paths: Iterable[Path]) -> list[Acknowledged]:
    """Every complete line of the journals, in the order written."""
    lines: list[Acknowledged] = []
    for path in paths:
        for text in path.read_text().splitlines(keepends=True):
            if text.endswith("\n"):
                fields = json.loads(text)
                lines.append(Acknowledged(**{**fields, "document": Document(**fields["document"])}))
    return lines
