"""Scores how much a text looks like orders to a language model. Pure."""

from typing import Final

import re2

_INSTRUCTION: Final = re2.compile(
    r"(?i)\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all)\b[^.\n]{0,30}"
    r"\b(?:instructions?|prompts?|rules|directions)\b"
    r"|\b(?:reveal|print|show)\b[^.\n]{0,30}\bsystem prompt\b"
)


def injection_score(text: str) -> float:
    """1.0 when the text holds an order to a language model, else 0.0."""
    return 1.0 if _INSTRUCTION.search(text) else 0.0
