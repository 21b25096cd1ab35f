"""Who saw which document when, as the log tells it: citations in answers, results of searches, documents read. Pure.

People are the keyed digests that the query service writes; only the holder of its key can tell which is whose.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from staithe.audit.citations import parse_citations, parse_shown
from staithe.kernel.events import AuditEvent, Outcome

CITED: Final = "cited in an answer"
SHOWN: Final = "shown by a search"
READ: Final = "read whole"
INSPECTED: Final = "labels only"

_SEARCHED: Final = "query.searched"
_WHOLE: Final = {"document.read": READ, "document.inspected": INSPECTED}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One version of one document, seen once by one caller."""

    leaf_index: int
    occurred_at: int
    tenant_id: str
    caller_hmac: str
    """Empty where the entry names nobody."""
    tier: str
    interface: str
    how: str
    subject_sha256: bytes
    document_version: int
    event_id: str
    """Of the entry: the answer's id, or the search's."""


def sightings_in(leaf_index: int, event: AuditEvent) -> Iterator[Sighting]:
    """What the event at a leaf shows to have been seen; nothing for events of other kinds.

    A failed reading showed nothing. A version cited twice in one answer was seen once.
    """
    if event.outcome is not Outcome.SUCCESS:
        return
    seen: list[tuple[bytes, int, str]] = []
    if "cited" in event.attributes:
        seen = [
            (each.subject_sha256, each.document_version, CITED) for each in parse_citations(event.attributes["cited"])
        ]
    elif "shown" in event.attributes:
        seen = [(subject, version, SHOWN) for subject, version in parse_shown(event.attributes["shown"])]
    elif event.action in _WHOLE and event.subject_sha256 is not None:
        seen = [(event.subject_sha256, event.document_version, _WHOLE[event.action])]
    for subject, version, how in dict.fromkeys(seen):
        yield Sighting(
            leaf_index, event.occurred_at, event.tenant_id, event.attributes.get("caller_hmac", ""),
            event.attributes.get("tier", ""), event.attributes.get("interface", ""), how, subject, version,
            event.event_id,
        )  # fmt: skip


def shows_unnamed(event: AuditEvent) -> bool:
    """Whether the event is a search whose entry, written by an older release, does not name what it showed."""
    results = event.attributes.get("results", "0")
    return event.action == _SEARCHED and results != "0" and "shown" not in event.attributes
