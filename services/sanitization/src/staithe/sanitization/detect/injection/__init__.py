"""Scores orders to language models that stand in documents: prompt injection and jailbreaks, visible or hidden."""

from staithe.sanitization.detect.injection.scorer import HOLD_SCORE, NAME, InjectionScorer, Passage

__all__ = ["HOLD_SCORE", "NAME", "InjectionScorer", "Passage"]
