"""The verdict on a stack: what was acknowledged against what is there, by document id and version. Pure.

    acknowledged = indexed + quarantined + dead-lettered + erased + superseded, each version once;
    what is served is the newest version and nothing that was erased.

It knows nothing of services, faults or time; the tests beside it plant each kind of fault and require its finding.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from journal import Acknowledged, Document

Version = tuple[Document, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """What `documents.current.v1` says of a document."""

    version: int
    erased: bool
    chunk_count: int


@dataclass
class Observed:
    """What an outsider with the operator's rights sees of a stack.

    `served` has the text that the query service gives for a document, None where it says there is none.
    `dead_letters` counts by document, because a record that cannot be read names no version.
    """

    indexed: Counter[Version] = field(default_factory=Counter)
    erased: Counter[Version] = field(default_factory=Counter)
    quarantined: Counter[Version] = field(default_factory=Counter)
    superseded: Counter[Version] = field(default_factory=Counter)
    dead_letters: Counter[Document] = field(default_factory=Counter)
    current: Mapping[Document, Standing] = field(default_factory=dict)
    rows: Sequence[tuple[Document, int, int]] = ()
    served: Mapping[Document, str | None] = field(default_factory=dict)
    audit_sent: Counter[str] = field(default_factory=Counter)
    audit_logged: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What does not hold, in words that name places and ids; all empty is the promise kept."""

    acknowledged: int
    lost: tuple[str, ...]
    duplicated: tuple[str, ...]
    resurrected: tuple[str, ...]
    mixed: tuple[str, ...]
    unlogged: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not (self.lost or self.duplicated or self.resurrected or self.mixed or self.unlogged)


def judge(journal: Iterable[Acknowledged], seen: Observed) -> Verdict:
    """The verdict on everything in `journal`."""
    lines = list(journal)
    newest = _newest(lines)
    erased = {document for document, line in newest.items() if line.operation == "ERASE"}
    living = {document: line for document, line in newest.items() if document not in erased and not line.poison}
    return Verdict(
        acknowledged=len({(line.document, line.version) for line in lines}),
        lost=tuple(sorted({*_without_end(lines, seen), *_not_there(living, seen)})),
        duplicated=tuple(sorted({*_ended_twice(lines, seen), *_rows_too_many(seen)})),
        resurrected=tuple(sorted(_risen(erased, seen))),
        mixed=tuple(sorted(_rows_of_other_versions(seen))),
        unlogged=tuple(sorted(_log_differs(seen))),
    )


def _newest(lines: Sequence[Acknowledged]) -> dict[Document, Acknowledged]:
    newest: dict[Document, Acknowledged] = {}
    for line in lines:
        if line.document not in newest or line.version > newest[line.document].version:
            newest[line.document] = line
    return newest


def _ends(version: Version, seen: Observed) -> int:
    return sum(kind[version] for kind in (seen.indexed, seen.erased, seen.quarantined))


def _without_end(lines: Sequence[Acknowledged], seen: Observed) -> Iterable[str]:
    for line in lines:
        version = (line.document, line.version)
        ended = _ends(version, seen) + seen.superseded[version] + seen.dead_letters[line.document]
        if not ended:
            yield f"no fate: {_name(version)}"


def _not_there(living: Mapping[Document, Acknowledged], seen: Observed) -> Iterable[str]:
    """Newest versions that ended as indexed and yet are not current, not whole, or not served."""
    for document, line in living.items():
        version = (document, line.version)
        if not seen.indexed[version]:
            continue  # held, dead-lettered, or already reported as without fate
        standing = seen.current.get(document)
        if standing is None or standing.erased or standing.version != line.version:
            yield f"not current: {_name(version)}"
            continue
        ordinals = {ordinal for owner, number, ordinal in seen.rows if (owner, number) == version}
        if ordinals != set(range(standing.chunk_count)):
            yield f"rows missing: {_name(version)}"
        if document in seen.served and line.canary not in (seen.served[document] or ""):
            yield f"not served: {_name(version)}"


def _ended_twice(lines: Sequence[Acknowledged], seen: Observed) -> Iterable[str]:
    repeated = {(line.document, line.version) for line in lines if line.repeated}
    for version in {(line.document, line.version) for line in lines} - repeated:
        if _ends(version, seen) > 1:
            yield f"ended {_ends(version, seen)} times: {_name(version)}"


def _rows_too_many(seen: Observed) -> Iterable[str]:
    for (document, number, ordinal), count in Counter(seen.rows).items():
        if count > 1:
            yield f"{count} rows for chunk {ordinal}: {_name((document, number))}"
    for document, number, ordinal in seen.rows:
        standing = seen.current.get(document)
        if standing is not None and standing.version == number and ordinal >= standing.chunk_count:
            yield f"a chunk too many: {_name((document, number))}"


def _rows_of_other_versions(seen: Observed) -> Iterable[str]:
    """Rows of a version that is not current: nobody is shown them, yet a settled stack must not keep them."""
    for document, number, _ in seen.rows:
        standing = seen.current.get(document)
        if standing is None or (not standing.erased and standing.version != number):
            yield f"rows of another version: {_name((document, number))}"


def _risen(erased: Iterable[Document], seen: Observed) -> Iterable[str]:
    owners = {document for document, _, _ in seen.rows}
    for document in erased:
        standing = seen.current.get(document)
        if standing is None or not standing.erased:
            yield f"current again: {document.tenant_id}/{document.document_id}"
        if document in owners:
            yield f"rows left: {document.tenant_id}/{document.document_id}"
        if seen.served.get(document) is not None:
            yield f"served again: {document.tenant_id}/{document.document_id}"


def _log_differs(seen: Observed) -> Iterable[str]:
    """Audit events that are not in the log exactly once. The log may know more: a topic forgets, the log does not."""
    for event_id, count in seen.audit_logged.items():
        if count > 1:
            yield f"logged {count} times: {event_id}"
    for event_id in seen.audit_sent.keys() - seen.audit_logged.keys():
        yield f"not in the log: {event_id}"


def _name(version: Version) -> str:
    document, number = version
    return f"{document.tenant_id}/{document.document_id} version {number}"
