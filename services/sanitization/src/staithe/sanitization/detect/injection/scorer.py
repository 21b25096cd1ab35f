"""Scores how much a text gives orders to a language model, and says where and why: a signal, never a proof."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import re2

from staithe.sanitization.detect import models
from staithe.sanitization.detect.injection.model import LinearModel
from staithe.sanitization.detect.injection.rules import Hit, Rules
from staithe.sanitization.detect.injection.unscramble import readings

NAME: Final = "injection"
HOLD_SCORE: Final = 0.5
"""From here on a document is worth holding: what docs/sanitization.md reports recall and benign pass at."""
MODEL_BYTES_MAX: Final = 512 * 1024
PASSAGE_CHARACTERS: Final = 400
"""Hits no further apart than this speak of one passage."""

MODEL_PROBABILITY_MIN: Final = 0.9
MODEL_WEIGHT: Final = 0.45
"""In a long text the model alone never reaches a half: the loudest of many windows says little, so it only adds to what
the rules say."""
SHORT_CHARACTERS_MAX: Final = 500
SHORT_MODEL_WEIGHT: Final = 0.6
"""In a text of few windows, such as a question or a chat line, the model's word is enough."""
SCRAMBLED_WEIGHT: Final = 0.5
"""Whoever scrambles an order knows why."""
QUOTED_SHARE: Final = 0.35
"""What is left of an order that stands in quotation marks and is spoken about."""

_WHITE: Final = dict.fromkeys(
    (*range(9, 14), *range(28, 33), 0x85, 0xA0, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x3000), " "
)
_QUOTES: Final = "\"'`\u201c\u201d\u201e\xab\xbb\u2018\u2019"
_SPOKEN_ABOUT: Final = re2.compile(
    r"(?i)\b(?:prompt injections?|jailbreaks?|attack(?:s|ers?)?|for example|example of|such as|e\.g\.|phrases? like|"
    r"phishing|detect(?:s|or|ion)?|filters?|malicious|red team|Angriffe?|attaques?|ataques?|attacchi)\b"
)


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` hold orders to a model, with this score (0 to 1) for these reasons."""

    start: int
    end: int
    score: float
    reasons: tuple[str, ...]


class InjectionScorer:
    """Rules, other readings, and a linear model together. One instance serves many threads.

    Raises Integrity when a model file is missing or changed: without it a service must not start.
    """

    def __init__(self) -> None:
        content = models.content_of("injection.npz")
        arrays = models.arrays(content, models.INJECTION_SHA256, name="injection.npz", bytes_max=MODEL_BYTES_MAX)
        self._rules, self._model = Rules(), LinearModel.of(arrays)
        self.version = f"{self._rules.version[:16]}-{models.INJECTION_SHA256[:16]}"

    def score(self, text: str) -> float:
        """The score of the worst passage, 0 where there is none; a half and more is worth holding a document for."""
        return max((each.score for each in self.passages(text)), default=0.0)

    def passages(self, text: str) -> list[Passage]:
        """Every suspicious passage, in order."""
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair becomes one question mark
        flat = text.translate(_WHITE)  # line breaks and no-break spaces hide no order, and places stay the same
        hits = [self._weighed(flat, each) for each in self._rules.hits(flat)]
        hits += self._model_hits(flat)
        for reading in readings(flat):
            for each in self._rules.hits(reading.text, core=reading.core):
                if reading.text[each.start : each.end] == flat[reading.start + each.start : reading.start + each.end]:
                    continue  # it was as plain before
                hits += [
                    Hit(reading.start, reading.end, each.reason, each.weight),
                    Hit(reading.start, reading.end, "SCRAMBLED", SCRAMBLED_WEIGHT),
                ]
        return [_passage(group) for group in _grouped(hits)]

    def _model_hits(self, text: str) -> list[Hit]:
        weight = SHORT_MODEL_WEIGHT if len(text) <= SHORT_CHARACTERS_MAX else MODEL_WEIGHT
        return [
            Hit(start, end, "SOUNDS_LIKE_ORDERS", weight * probability)
            for start, end, probability in self._model.windows(text, MODEL_PROBABILITY_MIN)
        ]

    @staticmethod
    def _weighed(text: str, hit: Hit) -> Hit:
        """The hit, worth less where it is quoted in a text about such orders."""
        before, after = text[max(0, hit.start - 3) : hit.start], text[hit.end : hit.end + 60]
        quoted = any(each in _QUOTES for each in before) and any(each in _QUOTES for each in after)
        if quoted and _SPOKEN_ABOUT.search(text[max(0, hit.start - 200) : hit.end + 200]):
            return Hit(hit.start, hit.end, hit.reason, hit.weight * QUOTED_SHARE)
        return hit


def _grouped(hits: list[Hit]) -> Iterable[list[Hit]]:
    """Hits near each other, together."""
    group: list[Hit] = []
    for each in sorted(hits, key=lambda one: (one.start, one.end)):
        if group and each.start - max(one.end for one in group[-8:]) > PASSAGE_CHARACTERS:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _passage(hits: list[Hit]) -> Passage:
    """Reasons add up as if they were independent, each counted once at its strongest."""
    strongest: dict[str, float] = {}
    for each in hits:
        strongest[each.reason] = max(each.weight, strongest.get(each.reason, 0.0))
    doubt = math.prod(1 - weight for weight in strongest.values())
    reasons = tuple(sorted(strongest, key=lambda reason: (-strongest[reason], reason)))
    return Passage(hits[0].start, max(each.end for each in hits), 1 - doubt, reasons)
