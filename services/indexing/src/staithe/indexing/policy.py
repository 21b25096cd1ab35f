"""Decides what an embedded version does to the index. Pure."""

from enum import StrEnum

from staithe.kernel.events import ChunksEmbedded, DocumentCurrent
from staithe.kernel.vocabulary import Operation


class Step(StrEnum):
    """What to do with a version that arrives."""

    WRITE = "WRITE"
    ERASE = "ERASE"
    SKIP = "SKIP"


def step_for(event: ChunksEmbedded, current: DocumentCurrent | None) -> Step:
    """What `event` does when `current` is the newest known state of its document.

    The newest version wins whatever the order of arrival, and an erasure stands against every version up to its
    own. The same version again is written again: an earlier attempt may have died half-way, and writing is idempotent.
    """
    if current is not None:
        if event.document_version < current.document_version:
            return Step.SKIP
        if (
            event.document_version == current.document_version
            and current.erased
            and event.operation is Operation.UPSERT
        ):
            return Step.SKIP
    return Step.ERASE if event.operation is Operation.ERASE else Step.WRITE
