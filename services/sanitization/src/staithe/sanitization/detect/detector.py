"""Asks every detector and settles between them: one list of findings for a text. Pure."""

from collections.abc import Mapping

from staithe.sanitization.detect import patterns
from staithe.sanitization.detect.finding import Finding
from staithe.sanitization.detect.names import NAME as NAMES
from staithe.sanitization.detect.names import Names
from staithe.sanitization.detect.patterns import Patterns


class Detector:
    """All detectors as one; one instance serves many threads.

    With `names` off it finds by pattern only. `versions` names each detector with a digest of what it works by, for
    records of what looked at a document.
    """

    def __init__(self, *, names: bool = True) -> None:
        self._patterns = Patterns()
        self._names = Names() if names else None
        self.versions: Mapping[str, str] = {patterns.NAME: self._patterns.version} | (
            {NAMES: self._names.version} if self._names else {}
        )

    def find(self, text: str) -> list[Finding]:
        """Every confirmed finding, in order, none overlapping; where two meet, the more harmful stays whole.

        Raises InvalidEvent (DETECTION_WORK_EXCEEDED) when a text holds more look-alikes than may be checked: what
        cannot be checked does not pass.
        """
        found = self._patterns.find(text)
        return _with_gaps_filled(found, self._names.find(text)) if self._names else found


def _with_gaps_filled(found: list[Finding], others: list[Finding]) -> list[Finding]:
    """`found`, and those of `others` that meet none of them; both are in order."""
    kept: list[Finding] = []
    position = 0
    for each in others:
        while position < len(found) and found[position].end <= each.start:
            position += 1
        if position == len(found) or each.end <= found[position].start:
            kept.append(each)
    return sorted([*found, *kept], key=lambda one: one.start)
