"""Asks every detector and settles between them: one list of findings for a text. Pure."""

from collections.abc import Mapping

from staithe.sanitization.detect import patterns
from staithe.sanitization.detect.finding import Finding
from staithe.sanitization.detect.patterns import Patterns


class Detector:
    """All detectors as one; one instance serves many threads.

    `versions` names each detector with a digest of what it works by, for records of what looked at a document.
    """

    def __init__(self) -> None:
        self._patterns = Patterns()
        self.versions: Mapping[str, str] = {patterns.NAME: self._patterns.version}

    def find(self, text: str) -> list[Finding]:
        """Every confirmed finding, in order, none overlapping; where two meet, the more harmful stays whole.

        Raises InvalidEvent (DETECTION_WORK_EXCEEDED) when a text holds more look-alikes than may be checked: what
        cannot be checked does not pass.
        """
        return self._patterns.find(text)
