"""What is wrong between what may be served and what the index holds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from staithe.kernel.events import DocumentCurrent
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store.census import Census, Tally

DocumentName = tuple[TenantId, DocumentId]


class Kind(StrEnum):
    """How index and `documents.current.v1` differ."""

    ROWS_MISSING = "ROWS_MISSING"
    """The current version is not whole in the index: it answers in part, or not at all."""
    ROWS_OLD = "ROWS_OLD"
    """Rows of a version that was replaced: nobody is shown them, and yet they should be gone."""
    ROWS_ERASED = "ROWS_ERASED"
    """Rows of an erased document: nobody is shown them and nothing opens them, and yet they should be gone."""
    ROWS_AHEAD = "ROWS_AHEAD"
    """Rows of a version that nobody has called current: it is being written, or its writing never ended."""


REPAIRABLE = frozenset({Kind.ROWS_MISSING, Kind.ROWS_OLD, Kind.ROWS_ERASED})
"""ROWS_AHEAD are left to whoever is writing them: a writing that never ended is begun again."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One version of one document that is not as it should be, and how many rows it has."""

    kind: Kind
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    rows: int


def differences(current: Iterable[DocumentCurrent], census: Census) -> set[Difference]:
    """Everything that is not as `current` says."""
    found: set[Difference] = set()
    known: set[DocumentName] = set()
    for event in current:
        name = (event.tenant_id, event.document_id)
        known.add(name)
        found.update(_of_document(event, census.get(name, {})))
    for (tenant, document), versions in census.items():
        if (tenant, document) not in known:
            found.update(
                Difference(Kind.ROWS_AHEAD, tenant, document, version, tally.rows)
                for version, tally in versions.items()
            )
    return found


def _of_document(event: DocumentCurrent, versions: Mapping[int, Tally]) -> Iterable[Difference]:
    for version, tally in versions.items():
        kind = _kind_of_rows(event, version)
        if kind is not None:
            yield Difference(kind, event.tenant_id, event.document_id, version, tally.rows)
    if not event.erased:
        tally = versions.get(event.document_version, Tally(0, -1))
        if not tally.is_whole(event.chunk_count):
            yield Difference(Kind.ROWS_MISSING, event.tenant_id, event.document_id, event.document_version, tally.rows)


def _kind_of_rows(event: DocumentCurrent, version: int) -> Kind | None:
    if version > event.document_version:
        return Kind.ROWS_AHEAD
    if event.erased:
        return Kind.ROWS_ERASED
    return Kind.ROWS_OLD if version < event.document_version else None
