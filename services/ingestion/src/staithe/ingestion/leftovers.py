"""Which objects of large documents are needed no more, and their removal."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from staithe.ingestion.objects import StoredObject
from staithe.kernel.clock import Clock
from staithe.kernel.events import DocumentCurrent, document_subject

SETTLE_MS: Final = 3600 * 1000
"""An object of a version that is served already may have been uploaded again just now: its event is on its way."""
KEPT_MS_MAX: Final = 31 * 24 * 3600 * 1000
"""A day more than dead letters are kept: nothing can ask for an older object, so its upload was never announced."""


class Objects(Protocol):
    """The object store, as its sweeper needs it."""

    def listing(self) -> Iterable[StoredObject]:
        """Every object; raises Unavailable."""
        ...

    def delete(self, stored: StoredObject) -> None:
        """Remove one; idempotent; raises Unavailable."""
        ...


class ObjectSweeper:
    """One pass over the objects; every replica repeats it, and a second removal changes nothing."""

    def __init__(self, objects: Objects, *, current: Callable[[], Iterable[DocumentCurrent]], clock: Clock) -> None:
        self._objects, self._current, self._clock = objects, current, clock

    def sweep(self) -> int:
        """Remove what is needed no more; returns how much that was. Raises Unavailable: call again later."""
        return sum(1 for each in self._disposable() if self._delete(each))

    def _disposable(self) -> Iterator[StoredObject]:
        stored, now = list(self._objects.listing()), self._clock.now_ms()
        if not stored:
            return
        newest = {_place(each): each for each in self._current()}
        for each in stored:
            if is_disposable(each, newest.get(_place_of(each)), now_ms=now):
                yield each

    def _delete(self, stored: StoredObject) -> bool:
        self._objects.delete(stored)
        return True


def is_disposable(stored: StoredObject, current: DocumentCurrent | None, *, now_ms: int) -> bool:
    """Whether nothing needs the object any more: erased, served for a while, or older than any event about it. Pure."""
    age_ms = now_ms - stored.modified_ms
    if age_ms > KEPT_MS_MAX:
        return True
    if stored.name is None or current is None or stored.name.document_version > current.document_version:
        return False
    return current.erased or age_ms > SETTLE_MS


def _place(current: DocumentCurrent) -> tuple[str, bytes]:
    return current.tenant_id, document_subject(current.tenant_id, current.document_id)


def _place_of(stored: StoredObject) -> tuple[str, bytes]:
    """Of which document an object is; of none where we did not name it."""
    return (stored.name.tenant_id, stored.name.subject) if stored.name is not None else ("", b"")
