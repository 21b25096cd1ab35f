"""What a detector says about a text: which characters hold what, how surely, and who says so. Pure."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """Characters `start` to `end` (excluded) hold an entity of this kind.

    `entity` is a name in UPPER_SNAKE (docs/sanitization.md lists them), `score` how sure the detector is, from 0 to 1,
    and `detector` the name under which `Detector.versions` tells its version. A tuple, because a dense text makes
    hundreds and a frozen dataclass takes three times as long to make.
    """

    entity: str
    start: int
    end: int
    score: float = 1.0
    detector: str = ""


def mask(text: str, findings: Iterable[Finding]) -> str:
    """`text` with each finding, in order and none overlapping, replaced by its entity's name in brackets."""
    parts: list[str] = []
    position = 0
    for finding in findings:
        parts += [text[position : finding.start], f"[{finding.entity}]"]
        position = finding.end
    return "".join([*parts, text[position:]])


def digest(*parts: object) -> str:
    """SHA-256 in hexadecimal over what a detector works by: another rule, another version."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
