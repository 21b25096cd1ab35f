"""Puts an engine together from the detectors of this release; for the service, the command and whoever masks text."""

from typing import Final

from staithe.sanitization.detect import Detector
from staithe.sanitization.detect.injection import InjectionScorer
from staithe.sanitization.engine import Engine, Pseudonyms
from staithe.sanitization.policy import Policy
from staithe.sanitization.pseudonyms import PseudonymKeys

MASK_EVERYTHING: Final = Policy(version=1, name="mask everything", entities=())
"""No rule, so the default for every finding."""


def engine_for(policy: Policy, pseudonyms: Pseudonyms) -> Engine:
    """An engine with every detector; takes about 0.1 s to make, so make one and keep it.

    Raises Integrity when a detector's model is missing or is not the released one.
    """
    return Engine(policy, detector=Detector(), injection_score=InjectionScorer().score, pseudonyms=pseudonyms)


def masking_engine() -> Engine:
    """An engine that masks whatever it finds."""
    return engine_for(MASK_EVERYTHING, PseudonymKeys.passing())
