"""Decides what happens to a document's text: masked, or held. Pure, and versioned by its digest."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import re2

from staithe.sanitization.detect import Detector, mask
from staithe.sanitization.normalise import normalise

POLICY: Final = (
    "v2: mask every finding but names and addresses; hold private keys and instructions aimed at language models"
)
POLICY_SHA256: Final = hashlib.sha256(POLICY.encode()).digest()

_INSTRUCTION: Final = (
    r"(?i)\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all)\b[^.\n]{0,30}"
    r"\b(?:instructions?|prompts?|rules|directions)\b"
    r"|\b(?:reveal|print|show)\b[^.\n]{0,30}\bsystem prompt\b"
)
KEEP: Final = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "ADDRESS"})
"""Counted, not masked: who and where is what people ask documents about."""
HOLD: Final[Mapping[str, str]] = {"PRIVATE_KEY": "PRIVATE_KEY_FOUND"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The text that may pass, what was found in it by count, and why it may not pass, if so."""

    name: str
    title: str
    text: str
    findings: Mapping[str, int]
    reason_codes: tuple[str, ...]


class Sanitizer:
    """Applies the policy; one instance serves many threads."""

    def __init__(self) -> None:
        self._detector = Detector()
        self._instruction = re2.compile(_INSTRUCTION)

    def decide(self, *, name: str, title: str, text: str) -> Verdict:
        """The verdict on a document; the same input gives the same verdict."""
        counts: Counter[str] = Counter()
        clean = {
            field: self._clean(value, counts) for field, value in (("name", name), ("title", title), ("text", text))
        }
        reasons = {HOLD[entity] for entity in counts if entity in HOLD}
        if any(self._instruction.search(value) for value in clean.values()):
            reasons.add("PROMPT_INJECTION")
        return Verdict(**clean, findings=dict(counts), reason_codes=tuple(sorted(reasons)))

    def _clean(self, value: str, counts: Counter[str]) -> str:
        normal, removed = normalise(value)
        if removed:
            counts["INVISIBLE_CHARACTERS"] += removed
        findings = self._detector.find(normal)
        counts.update(finding.entity for finding in findings)
        return mask(normal, [finding for finding in findings if finding.entity not in KEEP])
