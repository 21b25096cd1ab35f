"""Labelled texts and how findings are held against them: the span rule, precision, recall, F1, leak, over-masking."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

Span = tuple[int, int, str]
"""Characters from, to (excluded), and the kind."""

KINDS: Final = {
    # as the labels name them
    "STREET_ADDRESS": "ADDRESS", "GPE": "LOCATION", "DOMAIN_NAME": "URL", "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE", "IBAN_CODE": "IBAN", "US_SSN": "NATIONAL_ID", "IP_ADDRESS": "IP", "CREDIT_CARD": "CARD",
    "DATE_TIME": "DATE", "ZIP_CODE": "POSTCODE", "US_DRIVER_LICENSE": "DRIVING_LICENCE",
    # as Staithe names them, where labels know less
    "TAX_ID": "NATIONAL_ID", "HEALTH_ID": "NATIONAL_ID", "DATE_OF_BIRTH": "DATE",
    # as Presidio names them, where its labels do not
    "US_ITIN": "NATIONAL_ID", "UK_NHS": "NATIONAL_ID", "UK_NINO": "NATIONAL_ID", "IN_PAN": "NATIONAL_ID",
    "MAC_ADDRESS": "MAC", "CRYPTO": "CRYPTO_WALLET",
}  # fmt: skip
PATTERN_KINDS: Final = ("EMAIL", "PHONE", "CARD", "IBAN", "NATIONAL_ID", "IP", "URL")
"""What the targets for patterns speak of."""
OTHER_KINDS: Final = ("DRIVING_LICENCE", "AGE", "POSTCODE", "DATE", "ADDRESS")
NAME_KINDS: Final = ("PERSON", "LOCATION", "ORGANIZATION")
_EDGE: Final = " \t\n\r.,;:()[]<>\"'!?"


@dataclass
class Labelled:
    """Texts with the spans that somebody labelled."""

    texts: list[str] = field(default_factory=list)
    spans: list[list[Span]] = field(default_factory=list)

    def add(self, text: str, spans: Sequence[Span]) -> None:
        """Add a text; spans lose spaces and punctuation at their ends."""
        self.texts.append(text)
        self.spans.append(trimmed(text, spans))

    @property
    def bytes(self) -> int:
        """How large the texts are."""
        return sum(len(text.encode()) for text in self.texts)


def read_synth(path: Path) -> tuple[Labelled, Labelled]:
    """Presidio-research's synthetic sentences: the half for tuning, and the half held out, by the text's SHA-256."""
    halves = Labelled(), Labelled()
    for each in json.loads(path.read_text()):
        text = each["full_text"]
        spans = [(one["start_position"], one["end_position"], one["entity_type"]) for one in each["spans"]]
        halves[hashlib.sha256(text.encode()).digest()[0] & 1].add(text, spans)
    return halves


def trimmed(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans in common kinds without what is no part of a value."""
    found = []
    for start, end, kind in spans:
        first, last = start, end
        while first < last and text[first] in _EDGE:
            first += 1
        while last > first and text[last - 1] in _EDGE:
            last -= 1
        if first < last:
            found.append((first, last, KINDS.get(kind, kind)))
    return found


@dataclass
class Score:
    """Counts for one kind. Characters are of labelled spans, `surplus` characters of findings beside any label."""

    right: int = 0
    surplus: int = 0
    missed: int = 0
    characters: int = 0
    visible: int = 0
    found_characters: int = 0
    over: int = 0

    def __add__(self, other: "Score") -> "Score":
        names = ("right", "surplus", "missed", "characters", "visible", "found_characters", "over")
        return Score(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def precision(self) -> float:
        """Of what was found, the share that was labelled so."""
        return self.right / (self.right + self.surplus) if self.right + self.surplus else 0.0

    @property
    def recall(self) -> float:
        """Of what was labelled, the share that was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def leak(self) -> float:
        """The share of labelled characters that no finding of any kind covers."""
        return self.visible / self.characters if self.characters else 0.0

    @property
    def over_masking(self) -> float:
        """Of the characters found, the share that lies in no label of any kind."""
        return self.over / self.found_characters if self.found_characters else 0.0


def score(labelled: Labelled, found: Sequence[Sequence[Span]], kinds: Sequence[str]) -> dict[str, Score]:
    """Each kind's counts. A finding counts where its kind is the label's and they share at least half of their joint
    span; each label and each finding counts once, the largest overlap first."""
    scores = {kind: Score() for kind in kinds}
    for text, labels, raw in zip(labelled.texts, labelled.spans, found, strict=True):
        findings = sorted(set(trimmed(text, raw)))
        covered, labelled_characters = _covered(text, findings), _covered(text, labels)
        for kind in kinds:
            mine = [each for each in labels if each[2] == kind]
            theirs = [each for each in findings if each[2] == kind]
            right = _pairs(mine, theirs)
            scores[kind] += Score(
                right, len(theirs) - right, len(mine) - right, sum(end - start for start, end, _ in mine),
                sum(not covered[each] for start, end, _ in mine for each in range(start, end)),
                sum(end - start for start, end, _ in theirs),
                sum(not labelled_characters[each] for start, end, _ in theirs for each in range(start, end)),
            )  # fmt: skip
    return scores


def _covered(text: str, spans: Sequence[Span]) -> bytearray:
    covered = bytearray(len(text))
    for start, end, _ in spans:
        covered[start:end] = b"\1" * (end - start)
    return covered


def _pairs(mine: Sequence[Span], theirs: Sequence[Span]) -> int:
    overlaps = []
    for first, label in enumerate(mine):
        for second, finding in enumerate(theirs):
            common = min(label[1], finding[1]) - max(label[0], finding[0])
            joint = max(label[1], finding[1]) - min(label[0], finding[0])
            if common > 0 and common / joint >= 0.5:
                overlaps.append((common / joint, first, second))
    used: Counter[tuple[int, int]] = Counter()
    right = 0
    for _, first, second in sorted(overlaps, reverse=True):
        if not used[0, first] and not used[1, second]:
            used[0, first] = used[1, second] = 1
            right += 1
    return right
