"""Counts the costly checks that a document causes, and stops when they are too many."""

from typing import Final

from staithe.kernel.errors import InvalidEvent

REFUSED_CHECKS_MAX: Final = 50_000
"""Look-alikes of one document that a checksum or a rule refused: under a second of work, and more than a price list of
512 KiB causes. What is not checked does not pass, so a text above it is refused as a whole."""


class Work:
    """The checks that one document may still cause."""

    __slots__ = ("done", "settled")

    def __init__(self) -> None:
        self.done = 0
        self.settled: dict[tuple[str, bytes], bool] = {}
        """Answers of this document's checks: a number that stands in each line of it is checked once."""

    def spend(self, checks: int = 1) -> None:
        """Count checks that led to nothing; raises InvalidEvent above the limit."""
        self.done += checks
        if self.done > REFUSED_CHECKS_MAX:
            raise InvalidEvent(
                "too many look-alikes of personal data to check; split the document",
                reason_code="DETECTION_WORK_EXCEEDED",
            )
