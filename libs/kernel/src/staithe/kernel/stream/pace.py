"""How many records the next batch takes, so that a batch of a slow stage does not grow long."""

from typing import Final

BATCH_SECONDS_TARGET: Final = 1.0
"""Long enough that a transaction's cost (tens of milliseconds) hardly shows, short enough that a rebalance need not
wait, that the consumer is not paused (what it had fetched ahead is lost then), and that a crash redoes little."""
BATCH_RECORDS_MIN: Final = 8
GROWTH_MAX: Final = 2
"""From one batch to the next: one batch of easy records says little about the next."""


class Pace:
    """Follows what batches took."""

    def __init__(self, records_max: int) -> None:
        self.records = self._records_max = records_max

    def took(self, records: int, seconds: float) -> None:
        """Learn from a batch that was moved."""
        fitting = int(records * BATCH_SECONDS_TARGET / max(seconds, 0.001))
        grown = min(fitting, self.records * GROWTH_MAX, self._records_max)
        self.records = max(grown, min(BATCH_RECORDS_MIN, self._records_max))
