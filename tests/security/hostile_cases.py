"""What one hostile case is, and the words that the tables of cases share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from document_samples import DOCX_TYPE

MIB: Final = 1024 * 1024
PLAIN, MARKDOWN, HTML, CSV = "text/plain", "text/markdown", "text/html", "text/csv"
JSON, PDF, EML, DOCX = "application/json", "application/pdf", "message/rfc822", DOCX_TYPE
PARSED: Final = "PARSED"
# Where the limits of the process itself are the control: which of them is met first depends on the machine.
STOPPED: Final = ("PARSER_TIMEOUT", "PARSER_MEMORY", "PARSER_CRASHED")
# Stands wherever a reader sees nothing. No case may bring it into the text.
SMUGGLED: Final = "SMUGGLED"


@dataclass(frozen=True)
class Hostile:
    """One case. `make` is called when the case runs, so that collecting tests stays cheap."""

    name: str
    declared: str
    make: Callable[[], bytes]
    verdicts: frozenset[str]


def case(name: str, declared: str, make: Callable[[], bytes], *verdicts: str) -> Hostile:
    return Hostile(name, declared, make, frozenset(verdicts))
