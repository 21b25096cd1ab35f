"""Erases one document: its rows from the index, then its secrets, so that no sealed copy anywhere opens again.

Everything may be repeated: an erasure that died half-way is done again from the start, and says the same.
"""

from typing import Protocol

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import ChunksEmbedded, DocumentCurrent, Erasure
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.keys.wire import Shredded, Version
from staithe.vectors.store.filters import Filter, document


class ErasableIndex(Protocol):
    """The index, as an erasure needs it."""

    def count(self, tree: Filter) -> int:
        """How many rows match now, whoever wrote them; raises Unavailable."""
        ...

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        """Remove the document's rows of versions before `keep_version`, or all when it is None; raises Unavailable."""
        ...


class KeyShredder(Protocol):
    """Whoever destroys secrets."""

    def shred(self, version: Version) -> Shredded:
        """Destroy the document's secrets up to this version; idempotent; raises Unavailable or AccessDenied."""
        ...


class Eraser:
    """Removes and destroys; every call blocks."""

    def __init__(self, index: ErasableIndex, keys: KeyShredder, clock: Clock) -> None:
        self._index, self._keys, self._clock = index, keys, clock

    def erase(self, event: ChunksEmbedded, current: DocumentCurrent | None) -> Erasure:
        """Return once no row is left and no secret exists; raises Unavailable when that cannot be said.

        When `current` knows of this very erasure it was done before, perhaps by a batch that was given up: what was
        found then is what the receipt must say.
        """
        rows = document(event.tenant_id, event.document_id)
        found = self._index.count(rows)
        self._index.delete_document(event.tenant_id, event.document_id, keep_version=None)
        if self._index.count(rows):
            raise Unavailable("the index still has rows of an erased document", reason_code="ERASURE_INCOMPLETE")
        shredded = self._keys.shred(
            Version(
                tenant_id=event.tenant_id, document_id=event.document_id, document_version=event.document_version
            )
        )  # fmt: skip
        if current is not None and current.erasure is not None and current.document_version == event.document_version:
            return current.erasure
        now = self._clock.now_ms()
        return Erasure(
            event_id=new_event_id(now), keys_event_id=shredded.event_id, completed_at=now, rows_removed=found,
            secrets_destroyed=shredded.secrets,
        )  # fmt: skip
