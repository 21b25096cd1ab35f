"""Asks every detector and settles between them: one list of findings for a text. Pure."""

from collections.abc import Mapping

from staithe.sanitization.detect import numbers, rules
from staithe.sanitization.detect.files import read
from staithe.sanitization.detect.finding import Finding, digest
from staithe.sanitization.detect.keywords import Keywords
from staithe.sanitization.detect.names import NAME as NAMES
from staithe.sanitization.detect.names import Names
from staithe.sanitization.detect.patterns import Patterns
from staithe.sanitization.detect.places import assembled
from staithe.sanitization.detect.rules import Rules
from staithe.sanitization.detect.settle import in_characters, settled
from staithe.sanitization.detect.work import Work


class Detector:
    """All detectors as one; one instance serves many threads.

    With `names` off it finds by pattern and rule only. `versions` names each detector with a digest of what it works
    by, for records of what looked at a document.
    """

    def __init__(self, *, names: bool = True) -> None:
        self._patterns = Patterns()
        self._rules = Rules({
            "labels": rules.load("labels"), "secrets": (*rules.load("secrets"), *rules.load("assignments"))
        })  # fmt: skip
        topics = {topic: str(words).split("|") for topic, words in read("words").items()}
        self._keywords = Keywords(topics, [(rule.keywords, not rule.before) for rule in self._rules.rules])
        self._names = Names() if names else None
        self.versions: Mapping[str, str] = {
            numbers.NAME: digest(self._patterns.version, topics),
            **self._rules.versions,
            **({NAMES: self._names.version} if self._names else {}),
        }

    def find(self, text: str) -> list[Finding]:
        """Every confirmed finding, in order, none overlapping; where two meet, the more harmful stays whole.

        Raises InvalidEvent (DETECTION_WORK_EXCEEDED) when a text holds more look-alikes than may be checked: what
        cannot be checked does not pass.
        """
        found = self._by_pattern(text)
        return assembled(text, _with_gaps_filled(found, self._names.find(text)) if self._names else found)

    def _by_pattern(self, text: str) -> list[Finding]:
        """What patterns and rules find. They read UTF-8: RE2's binding would convert the whole text at each call."""
        encoded = text.encode(errors="replace")
        work = Work()
        context, announced = self._keywords.read(encoded.lower())
        found = settled(self._patterns.find(encoded, context, work) + self._rules.find(encoded, announced, work))
        return found if len(encoded) == len(text) else in_characters(encoded, found)


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
