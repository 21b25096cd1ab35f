"""Records that are worked on and committed together."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from staithe.kernel.stream.record import Record
from staithe.kernel.stream.settle import Settlement

Place = tuple[str, int]
"""A topic and a partition of it."""


@dataclass
class Batch:
    """Records in the order of each partition, and what the stage makes of each."""

    records: Sequence[Record]
    futures: Sequence[Future[Settlement]] = ()
    begun: float = 0.0
    lost: set[Place] = field(default_factory=set)
    """Partitions that became another member's after the records were fetched: nothing of them may be committed."""

    def spoilt(self) -> bool:
        """Whether part of the batch is another member's by now."""
        return any((each.topic, each.partition) in self.lost for each in self.records)

    def ends(self) -> dict[Place, int]:
        """For each partition the offset that follows the batch."""
        return {(each.topic, each.partition): each.offset + 1 for each in self.records}

    def firsts(self) -> Iterator[tuple[Place, int]]:
        """For each partition that was not lost the offset at which the batch begins."""
        firsts: dict[Place, int] = {}
        for each in self.records:
            firsts.setdefault((each.topic, each.partition), each.offset)
        return ((place, offset) for place, offset in firsts.items() if place not in self.lost)

    def cancel(self) -> None:
        """Begin nothing more of it; what is under way ends by itself and counts for nothing."""
        for each in self.futures:
            each.cancel()
