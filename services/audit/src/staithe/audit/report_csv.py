"""Reports as CSV (RFC 4180) that a spreadsheet shows and does not run. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from staithe.audit.sightings import Sighting

TIMELINE_COLUMNS: Final = (
    "leaf_index", "time", "tenant_id", "caller_hmac", "caller", "tier", "interface", "how", "subject_sha256",
    "document", "document_version", "event_id",
)  # fmt: skip
_RUN_BY_SPREADSHEETS: Final = (
    "=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}",
)  # fmt: skip
"""OWASP "CSV Injection": a cell that begins so may be taken for a formula, full-width forms included."""


def csv_line(values: Sequence[str]) -> str:
    """One line with its end; every cell that a spreadsheet could run begins with an apostrophe instead."""
    text = io.StringIO()
    csv.writer(text).writerow([harmless(each) for each in values])
    return text.getvalue()


def harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when it begins like a formula."""
    return f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell


def timeline_csv(rows: Iterable[Sighting], names: "Names") -> Iterator[str]:
    """The columns, then a line for each sighting."""
    yield csv_line(TIMELINE_COLUMNS)
    for each in rows:
        yield csv_line(
            (
                str(each.leaf_index), moment(each.occurred_at), each.tenant_id, each.caller_hmac,
                names.caller(each.caller_hmac), each.tier, each.interface, each.how, each.subject_sha256.hex(),
                names.document(each.subject_sha256), str(each.document_version), each.event_id,
            )
        )  # fmt: skip


def moment(milliseconds: int) -> str:
    """A time in UTC, ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Names:
    """What the asker calls the digests: only the names that were asked about are known."""

    def __init__(self, documents: dict[bytes, str] | None = None, callers: dict[str, str] | None = None) -> None:
        self._documents, self._callers = documents or {}, callers or {}

    def document(self, subject_sha256: bytes) -> str:
        """The document's id, empty when nobody named it."""
        return self._documents.get(subject_sha256, "")

    def caller(self, caller_hmac: str) -> str:
        """The caller's name, empty when nobody named them."""
        return self._callers.get(caller_hmac, "")
