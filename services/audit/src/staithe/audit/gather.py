"""Gathers the evidence of an answer from the log: its entry, and the entries of every version that it cites."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from staithe.audit.bundle import CitedSteps, EvidenceBundle, ProvenEntry
from staithe.audit.citations import parse_chunks, parse_citations
from staithe.audit.entry import decode_entry
from staithe.audit.evidence import ANSWERED, MORE_CHUNKS
from staithe.audit.files import LogFiles
from staithe.audit.limits import CANDIDATE_ENTRIES_MAX
from staithe.audit.merkle import inclusion_proof
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader, read_checkpoint
from staithe.kernel.errors import InvalidEvent, Unavailable
from staithe.kernel.events import AuditEvent
from staithe.kernel.provenance import CitedPassage

Leaf = tuple[int, AuditEvent]


class Finder(Protocol):
    """Where to look entries up. Leaf indices come in rising order; every one is checked by what it leads to."""

    def event(self, event_id: str) -> int | None:
        """The leaf of an event, None when the log does not have it (yet)."""
        ...

    def version(self, subject_sha256: bytes, document_version: int) -> Sequence[int]:
        """The leaves about one version of one document."""
        ...


class ScanFinder:
    """Looks entries up by reading the whole log: for a copy of the log, which has no index."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    def event(self, event_id: str) -> int | None:
        return next(self._with(f'"event_id":"{event_id}"'), None)

    def version(self, subject_sha256: bytes, document_version: int) -> Sequence[int]:
        found = self._with(f'"subject_sha256":"{subject_sha256.hex()}"')
        wanted = f'"document_version":{document_version},'.encode()
        return [leaf for leaf in found if wanted in self._reader.entry(leaf)]

    def _with(self, text: str) -> Iterator[int]:
        wanted = text.encode()
        return (leaf for leaf, entry in self._reader.numbered() if wanted in entry)


@dataclass(frozen=True, slots=True)
class _Gathered:
    steps: CitedSteps
    leaves: frozenset[int]


def gather(answer_id: str, reader: LogReader, note: bytes, finder: Finder) -> EvidenceBundle | None:
    """The evidence of an answer under `note`, the checkpoint that `reader` reads; None when there is no such answer.

    Raises Unavailable when the answer is there and the log does not have the way of a version yet, Integrity when the
    log's files are not usable.
    """
    leaf = finder.event(answer_id)
    if leaf is None:
        return None
    answered = decode_entry(reader.entry(leaf))
    if answered.action != ANSWERED or answered.event_id != answer_id:
        return None
    cited = parse_citations(answered.attributes["cited"]) if "cited" in answered.attributes else ()
    citations = tuple(CitedSteps(each, _way(each, leaf, reader, finder)) for each in cited)
    needed = {found for each in citations for leaves in each.leaves.values() for found in leaves} | {leaf}
    return EvidenceBundle(
        answer_id, note, leaf, citations, tuple(_proven(each, reader) for each in sorted(needed))
    )  # fmt: skip


def evidence_of(answer_id: str, folder: Path, key: VerifierKey, checkpoint: bytes | None = None) -> EvidenceBundle:
    """The evidence of an answer from a log's folder, under the given checkpoint or the published one.

    Raises InvalidEvent when the log has no such answer, or not yet; the rest as `gather`.
    """
    files = LogFiles(folder)
    note = read_checkpoint(files) if checkpoint is None else checkpoint
    reader = LogReader(files, open_checkpoint(note, key))
    bundle = gather(answer_id, reader, note, ScanFinder(reader))
    if bundle is None:
        raise InvalidEvent("the log has no such answer, or not yet", reason_code="ANSWER_UNKNOWN")
    return bundle


def _proven(leaf_index: int, reader: LogReader) -> ProvenEntry:
    path = inclusion_proof(leaf_index, reader.checkpoint.size, reader.node)
    return ProvenEntry(leaf_index, reader.entry(leaf_index), tuple(path))


def _way(cited: CitedPassage, before: int, reader: LogReader, finder: Finder) -> dict[str, tuple[int, ...]]:
    """The leaves of the steps that lead to the cited chunks: a version sent twice was worked on twice."""
    leaves = islice(finder.version(cited.subject_sha256, cited.document_version), CANDIDATE_ENTRIES_MAX)
    known = [(leaf, decode_entry(reader.entry(leaf))) for leaf in leaves if leaf < before]
    for start in [each for each in reversed(known) if each[1].action == "document.embedded"]:
        found = _way_through(start, known)
        if found is not None and set(cited.chunk_sha256s) <= _chunks(found["embedded"]):
            return {step: tuple(leaf for leaf, _ in steps) for step, steps in found.items()}
    raise Unavailable(
        "the log does not have all steps of a cited version yet: try again in a few seconds",
        reason_code="EVIDENCE_INCOMPLETE",
    )


def _way_through(embedded: Leaf, known: Sequence[Leaf]) -> dict[str, list[Leaf]] | None:
    """The steps around one embedding, linked by their digests; None when one is missing."""
    leaf, event = embedded
    more = [
        each for each in known
        if each[1].action == MORE_CHUNKS and each[1].output_sha256 == event.output_sha256 and each[0] > leaf
    ]  # fmt: skip
    sanitized = _last(known, "document.sanitized", output=event.input_sha256, before=leaf)
    indexed = _first(known, "document.indexed", event.output_sha256, after=max([leaf, *(each[0] for each in more)]))
    ingested = sanitized and _last(known, "document.ingested", output=sanitized[1].input_sha256, before=sanitized[0])
    if sanitized is None or indexed is None or ingested is None:
        return None
    return {"ingested": [ingested], "sanitized": [sanitized], "embedded": [embedded, *more], "indexed": [indexed]}


def _last(known: Sequence[Leaf], action: str, *, output: bytes | None, before: int) -> Leaf | None:
    found = [
        each for each in known if each[1].action == action and each[1].output_sha256 == output and each[0] < before
    ]
    return found[-1] if found else None


def _first(known: Sequence[Leaf], action: str, input_sha256: bytes | None, *, after: int) -> Leaf | None:
    return next(
        (
            each
            for each in known
            if each[1].action == action and each[1].input_sha256 == input_sha256 and each[0] > after
        ),
        None,
    )


def _chunks(embedded: Sequence[Leaf]) -> set[bytes]:
    return {
        digest
        for _, event in embedded
        if "chunks" in event.attributes
        for digest in parse_chunks(event.attributes["chunks"])
    }
