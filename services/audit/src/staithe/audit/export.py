"""The log's events as lines for other programs: OCSF, the entries themselves, or CSV; all, or about one document."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from staithe.audit.entry import decode_entry
from staithe.audit.ocsf import ocsf_event
from staithe.audit.reader import LogReader
from staithe.audit.report_csv import csv_line
from staithe.kernel.events import AuditEvent

COLUMNS: Final = (
    "leaf_index", "occurred_at", "event_id", "service", "action", "outcome", "reason_code", "tenant_id",
    "subject_sha256", "document_version", "input_sha256", "output_sha256", "attributes",
)  # fmt: skip


class Format(StrEnum):
    """How events are written."""

    OCSF = "ocsf"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of one document, in a time (the end not included), from a leaf on. Nothing given: all."""

    subject_sha256: bytes | None = None
    since_ms: int = 0
    until_ms: int = 1 << 53
    from_leaf: int = 0

    def takes(self, event: AuditEvent) -> bool:
        """Whether the event is wanted."""
        timely = self.since_ms <= event.occurred_at < self.until_ms
        return timely and self.subject_sha256 in (None, event.subject_sha256)


def exported(reader: LogReader, form: Format, wanted: Wanted) -> Iterator[str]:
    """A line for each event that is wanted, in the log's order, each with its end; CSV begins with its columns.

    Raises Integrity when the log's files are not usable.
    """
    if form is Format.CSV:
        yield csv_line(COLUMNS)
    for leaf_index, entry in reader.numbered(wanted.from_leaf):
        event = decode_entry(entry)
        if wanted.takes(event):
            yield _line(leaf_index, entry, event, form, reader.checkpoint.origin)


def _line(leaf_index: int, entry: bytes, event: AuditEvent, form: Format, origin: str) -> str:
    if form is Format.OCSF:
        return json.dumps(ocsf_event(leaf_index, event, origin), ensure_ascii=False, separators=(",", ":")) + "\n"
    if form is Format.JSONL:
        return f'{{"leaf_index":{leaf_index},"entry":{entry.decode()}}}\n'
    shown = json.loads(entry) | {"leaf_index": leaf_index, "attributes": json.dumps(dict(event.attributes))}
    return csv_line(tuple("" if shown[name] is None else str(shown[name]) for name in COLUMNS))
