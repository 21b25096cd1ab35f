"""CSV to text: one paragraph a row, one `header: value` line a cell, so that a chunk of it still says what it is.

RFC 4180 with comma, semicolon, tab or bar; the first row is the header. Values are text: formulas are not special here.
"""

import csv
import io
from typing import Final

from staithe.ingestion.parsers.document import ParsedDocument, TextCollector, one_line
from staithe.ingestion.parsers.encoding import decode_text
from staithe.ingestion.parsers.limits import CSV_COLUMNS_MAX, CSV_FIELD_CHARACTERS_MAX
from staithe.ingestion.parsers.reasons import refusal
from staithe.ingestion.parsers.sniff import CSV

_DELIMITERS: Final = ",;\t|"


def parse_csv(content: bytes, charset: str | None) -> ParsedDocument:
    """Rows as paragraphs of `header: value` lines; empty cells are left out. Raises CSV_INVALID, CSV_TOO_WIDE."""
    text = decode_text(content, charset).replace("\x00", "")
    csv.field_size_limit(CSV_FIELD_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    collector, records = TextCollector(), 0
    try:
        names = _header(next(reader, []))
        for row in reader:
            if any(row):
                _add_row(collector, names, row)
                records += 1
    except csv.Error as error:
        raise refusal("CSV_TOO_WIDE" if "field limit" in str(error) else "CSV_INVALID") from error
    if not records and any(names):
        collector.add(", ".join(name for name in names if name))
    return ParsedDocument(collector.text(), None, CSV, {"records": records})


def _delimiter(text: str) -> str:
    """The separator most used in the first line; a comma where none is."""
    first = text.lstrip()[:CSV_FIELD_CHARACTERS_MAX].split("\n", 1)[0]
    return max(_DELIMITERS, key=lambda one: (first.count(one), one == ","))


def _header(row: list[str]) -> list[str]:
    if len(row) > CSV_COLUMNS_MAX:
        raise refusal("CSV_TOO_WIDE")
    return [one_line(name) for name in row]


def _add_row(collector: TextCollector, names: list[str], row: list[str]) -> None:
    # A short row is a habit of spreadsheets; a longer one means that the columns no longer mean what they say.
    if len(row) > len(names) and any(row[len(names) :]):
        raise refusal("CSV_INVALID")
    for number, (name, value) in enumerate(zip(names, row, strict=False), start=1):
        value_of_cell = value.strip()
        if value_of_cell:
            collector.add(f"{name or f'column {number}'}: {value_of_cell}\n")
    collector.add("\n")
