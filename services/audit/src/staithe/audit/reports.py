"""Gathers what a report shows from the log: who saw which document, and what was done to one document, with proofs."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from staithe.audit.bundle import ProvenEntry
from staithe.audit.entry import decode_entry
from staithe.audit.limits import EVIDENCE_BYTES_MAX, REPORT_ROWS_MAX
from staithe.audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader
from staithe.audit.sightings import Sighting, shows_unnamed, sightings_in
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent

DOSSIER_FORMAT: Final = "staithe/dossier/v1"
PROOF_SHOWN_BYTES: Final = 2_048
"""More than an inclusion proof takes as JSON in any tree that a disk holds: 40 hashes of some 50 characters."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since_ms` (included) to `until_ms` (not included), milliseconds since the epoch."""

    since_ms: int = 0
    until_ms: int = 1 << 53

    def has(self, event: AuditEvent) -> bool:
        """Whether the event falls into it."""
        return self.since_ms <= event.occurred_at < self.until_ms


@dataclass(frozen=True, slots=True)
class Asked:
    """What a timeline is asked for: a tenant, and within it documents, people and a time; empty sets mean all."""

    tenant_id: str
    subjects: frozenset[bytes] = frozenset()
    callers: frozenset[str] = frozenset()
    period: Period = Period()


@dataclass(slots=True)
class Timeline:
    """Who saw which document when, in the log's order."""

    checkpoint: Checkpoint
    rows: list[Sighting] = field(default_factory=list)
    unnamed_searches: int = 0
    """Searches that showed something and whose entries do not name it: written before the log named it."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that the log has about one document, each entry proven under one checkpoint."""

    checkpoint: Checkpoint
    note: bytes
    subject_sha256: bytes
    entries: tuple[tuple[int, AuditEvent], ...]
    seen: tuple[Sighting, ...]
    proven: tuple[ProvenEntry, ...]
    """The proofs of `entries` and of the entries that `seen` comes from, in the log's order."""

    def encode(self) -> bytes:
        """The proofs as a JSON document, UTF-8, for `check_dossier`."""
        shown: dict[str, Any] = {
            "format": DOSSIER_FORMAT,
            "subject_sha256": self.subject_sha256.hex(),
            "entries": [
                {
                    "leaf_index": each.leaf_index, "entry": each.entry.decode(),
                    "path": [base64.b64encode(value).decode() for value in each.path],
                }
                for each in self.proven
            ],
            "checkpoint": self.note.decode(),
        }  # fmt: skip
        return json.dumps(shown, indent=1, ensure_ascii=False).encode()


def timeline(reader: LogReader, asked: Asked) -> Timeline:
    """Reads the log from end to end. Raises InvalidEvent when more than REPORT_ROWS_MAX rows fit what is asked."""
    found = Timeline(reader.checkpoint)
    for leaf_index, event in _events(reader):
        if event.tenant_id != asked.tenant_id or not asked.period.has(event):
            continue
        by_asked = not asked.callers or event.attributes.get("caller_hmac", "") in asked.callers
        if not by_asked:
            continue
        found.unnamed_searches += shows_unnamed(event)
        found.rows += (
            each for each in sightings_in(leaf_index, event)
            if not asked.subjects or each.subject_sha256 in asked.subjects
        )  # fmt: skip
        _bounded(len(found.rows))
    return found


def dossier(reader: LogReader, note: bytes, subject_sha256: bytes, period: Period = Period()) -> Dossier:
    """What was done to a document, its erasure included, and who saw it.

    `note` is the checkpoint that `reader` reads. Raises InvalidEvent when there are more than REPORT_ROWS_MAX entries.
    """
    entries: list[tuple[int, AuditEvent]] = []
    seen: list[Sighting] = []
    for leaf_index, event in _events(reader):
        if not period.has(event):
            continue
        if event.subject_sha256 == subject_sha256:
            entries.append((leaf_index, event))
        seen += (each for each in sightings_in(leaf_index, event) if each.subject_sha256 == subject_sha256)
        _bounded(len(entries) + len(seen))
    leaves = sorted({leaf for leaf, _ in entries} | {each.leaf_index for each in seen})
    proven, size = [], 0
    for leaf in leaves:
        proven.append(_proven(leaf, reader))
        size += len(proven[-1].entry) + PROOF_SHOWN_BYTES
        if size > EVIDENCE_BYTES_MAX:
            raise _too_large()
    return Dossier(reader.checkpoint, note, subject_sha256, tuple(entries), tuple(seen), tuple(proven))


def is_dossier(document: bytes) -> bool:
    """Whether the document says that it is a dossier; a quick look, which proves nothing."""
    return f'"format": "{DOSSIER_FORMAT}"'.encode() in document[:128]


def check_dossier(document: bytes, key: VerifierKey) -> tuple[Checkpoint, int]:
    """The checkpoint and the number of entries of a dossier that holds under `key`.

    Raises Integrity with the first thing that does not hold, InvalidEvent when the document is no dossier. That no
    entry was left out it cannot show: only the log can.
    """
    try:
        shown: dict[str, Any] = json.loads(document)
        subject = bytes.fromhex(shown["subject_sha256"])
        note, entries = shown["checkpoint"].encode(), shown["entries"]
        parts = [
            (
                each["leaf_index"],
                each["entry"].encode(),
                [base64.b64decode(value, validate=True) for value in each["path"]],
            )
            for each in entries
        ]
        fits = shown["format"] == DOSSIER_FORMAT and all(type(leaf) is int for leaf, _, _ in parts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _no_dossier() from error
    if not fits or len(parts) > REPORT_ROWS_MAX:
        raise _no_dossier()
    head = open_checkpoint(note, key)
    for leaf_index, entry, path in parts:
        verify_inclusion(leaf_hash(entry), leaf_index, head.size, path, head.root)
        event = decode_entry(entry)
        about = event.subject_sha256 == subject
        if not about and not any(each.subject_sha256 == subject for each in sightings_in(leaf_index, event)):
            raise InvalidEvent("an entry of the dossier is about something else", reason_code="DOSSIER_MALFORMED")
    return head, len(parts)


def _events(reader: LogReader) -> Iterator[tuple[int, AuditEvent]]:
    for leaf_index, entry in reader.numbered():
        yield leaf_index, decode_entry(entry)


def _proven(leaf_index: int, reader: LogReader) -> ProvenEntry:
    path = inclusion_proof(leaf_index, reader.checkpoint.size, reader.node)
    return ProvenEntry(leaf_index, reader.entry(leaf_index), tuple(path))


def _bounded(count: int) -> None:
    if count > REPORT_ROWS_MAX:
        raise _too_large()


def _too_large() -> InvalidEvent:
    return InvalidEvent(
        f"the report would be too large (over {REPORT_ROWS_MAX} rows, or {EVIDENCE_BYTES_MAX >> 20} MiB of proofs): "
        "narrow it down with --since and --until",
        reason_code="REPORT_TOO_LARGE",
    )


def _no_dossier() -> InvalidEvent:
    return InvalidEvent("this is no dossier of a document", reason_code="DOSSIER_MALFORMED")
