"""Normalises text so that what people see, what detectors see and what is indexed are the same. Pure.

Removed: tag characters, bidirectional controls, zero-width and other invisible characters (joiners stay inside
words of scripts that need them), C0/C1 controls but line feed and tab; all in NFKC (Unicode Standard Annex 15).
Spans downstream count characters of the result; the map back to the original is the full sanitization issue's.
"""

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U000e0000-\U000e0fff\U0001d173-\U0001d17a"
    "\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_JOINER: Final = re.compile("[\u200c\u200d]")
_NEEDS_JOINERS: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Arabic and Indic scripts, and emoji sequences: there a joiner changes what is read."""


def normalise(text: str) -> tuple[str, int]:
    """The normalised text, and how many invisible characters were removed."""
    if text.isascii() and not _INVISIBLE.search(text):
        return text, 0
    # First NFKC, so that joiners are judged by the letters people will read; again, because removal lets marks combine.
    without, removed = _INVISIBLE.subn("", unicodedata.normalize("NFKC", text))
    without, joiners = _drop_loose_joiners(without)
    return unicodedata.normalize("NFKC", without), removed + joiners


def _drop_loose_joiners(text: str) -> tuple[str, int]:
    dropped = 0

    def keep_or_drop(match: re.Match[str]) -> str:
        nonlocal dropped
        around = text[max(0, match.start() - 1)] + text[min(len(text) - 1, match.end())]
        if all(map(_NEEDS_JOINERS.match, around)):
            return match.group()
        dropped += 1
        return ""

    return _JOINER.sub(keep_or_drop, text), dropped
