"""Finds personal data and credentials in text: `Detector().find(text)` gives spans with entity, score and detector."""

from staithe.sanitization.detect.detector import Detector
from staithe.sanitization.detect.entities import ENTITIES, Group
from staithe.sanitization.detect.finding import Finding, mask

__all__ = ["ENTITIES", "Detector", "Finding", "Group", "mask"]
