"""Holds the index against `documents.current.v1` and mends what differs.

Two looks, some seconds apart, must see the same difference: what is being written or deleted looks like one for a
moment. Rows that are missing are written again from the version's own event, as long as the topic keeps it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from staithe.indexing.differences import REPAIRABLE, Difference, DocumentName, Kind, differences
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.events import AuditEvent, ChunksEmbedded, DocumentCurrent
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store.census import Census

REPAIRS_MAX: Final = 10_000
"""In one round; more than that is no accident of single documents, and the next round goes on."""


class EmbeddedVersions(Protocol):
    """What was embedded and is still kept."""

    def of(self, names: Collection[DocumentName]) -> Iterable[ChunksEmbedded]:
        """Every event about these documents, oldest first; raises Unavailable."""
        ...


class Index(Protocol):
    """The index, for counting and deleting."""

    def census(self) -> Census:
        """As take_census."""
        ...

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        """As IndexWriter does."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found, and what of it was mended."""

    found: tuple[Difference, ...]
    mended: tuple[Difference, ...]

    def left(self, kind: Kind) -> int:
        """How many of a kind are as they were."""
        return sum(each.kind is kind for each in self.found) - sum(each.kind is kind for each in self.mended)


class Reconciler:
    """Compares and mends; every call blocks.

    `current` gives the newest state of every document, `restore` writes a version's rows again unless it is not the
    current one, `note` has the audit log know, `pause` waits between two looks.
    """

    def __init__(
        self, index: Index, embedded: EmbeddedVersions, *, current: Callable[[], Sequence[DocumentCurrent]],
        restore: Callable[[ChunksEmbedded], bool], note: Callable[[AuditEvent], None], audit: AuditAuthor,
        pause: Callable[[], None],
    ) -> None:  # fmt: skip
        self._index, self._embedded, self._current, self._restore = index, embedded, current, restore
        self._note, self._audit, self._pause = note, audit, pause

    def run(self) -> Round:
        """One round; raises Unavailable when index or broker do not answer, and then some of it may be mended."""
        found = self._steady()
        wanted = [each for each in sorted(found) if each.kind in REPAIRABLE][:REPAIRS_MAX]
        mended = [
            *(self._deleted(each) for each in wanted if each.kind is not Kind.ROWS_MISSING),
            *self._restored([each for each in wanted if each.kind is Kind.ROWS_MISSING]),
        ]
        return Round(tuple(sorted(found)), tuple(mended))

    def _steady(self) -> set[Difference]:
        first = self._look()
        if not first:
            return first
        self._pause()
        return first & self._look()

    def _look(self) -> set[Difference]:
        """The index first: what becomes current after that only looks as if its rows were missing."""
        census = self._index.census()
        return differences(self._current(), census)

    def _deleted(self, each: Difference) -> Difference:
        self._index.delete_document(each.tenant_id, each.document_id, keep_version=each.document_version + 1)
        self._tell(each)
        return each

    def _restored(self, missing: Sequence[Difference]) -> list[Difference]:
        """Those whose event is still there."""
        wanted = {(each.tenant_id, each.document_id, each.document_version): each for each in missing}
        restored: list[Difference] = []
        if wanted:
            for event in self._embedded.of({(each.tenant_id, each.document_id) for each in missing}):
                each = wanted.get((event.tenant_id, event.document_id, event.document_version))
                if each is not None and each not in restored and self._restore(event):
                    restored.append(each)
                    self._tell(each)
        return restored

    def _tell(self, each: Difference) -> None:
        self._note(
            self._audit.about_document(
                "index.repaired", each, reason_code=each.kind.value, attributes={"row_count": str(each.rows)}
            )
        )
