"""Other readings of a text that a language model sees as easily as people do not: decoded and unscrambled. Pure.

Each is bounded: so many pieces, so many characters. What lies beyond is not looked at; the score is a signal, no proof.
"""

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PIECES_MAX: Final = 32
PIECE_CHARACTERS_MAX: Final = 4_096

_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ :]?){16,}")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2}[^\s%]{0,40}){3,}(?: [^\n]{0,400})?")
_ENTITIES: Final = re.compile(r"(?:&#x?[0-9A-Fa-f]{2,6};[^\n&]{0,40}){4,}")
_SPACED: Final = re.compile(r"(?:\b\w(?:[ ._*-]{1,3})){8,}\w\b")
_LEET_WORD: Final = re.compile(r"\b(?=\w*[a-zA-Z])(?=\w*[013457@$])[\w@$]{3,}")
_SPACES: Final = re.compile(r"\s+")
_LEET: Final = str.maketrans("013457@$", "oleastas")
_LEET_I: Final = str.maketrans("013457@$", "oieastas")
_ROT13: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What characters `start` to `end` of the text say when read another way; `core`: only the plainest rules apply."""

    text: str
    start: int
    end: int
    core: bool


def readings(text: str) -> Iterator[Reading]:
    """Every other reading that is worth a look."""
    yield from _decoded(text)
    for match in _first(_SPACED, text):
        yield Reading(_joined(match.group()), match.start(), match.end(), core=True)
    yield Reading(text.translate(_ROT13), 0, len(text), core=True)
    yield Reading(text[::-1], 0, len(text), core=True)
    if sum(1 for _ in _first(_LEET_WORD, text)) >= 3:
        yield Reading(text.translate(_LEET), 0, len(text), core=True)
        yield Reading(text.translate(_LEET_I), 0, len(text), core=True)


def _decoded(text: str) -> Iterator[Reading]:
    for pattern, decode in (
        (_BASE64, _from_base64), (_HEX, _from_hex), (_PERCENT, urllib.parse.unquote), (_ENTITIES, html.unescape),
    ):  # fmt: skip
        for match in _first(pattern, text):
            plain = decode(match.group()[:PIECE_CHARACTERS_MAX])
            if plain:
                yield Reading(_SPACES.sub(" ", plain), match.start(), match.end(), core=False)


def _first(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for count, match in enumerate(pattern.finditer(text)):
        if count == PIECES_MAX:
            return
        yield match


def _from_base64(piece: str) -> str:
    whole = piece.rstrip("=").replace("-", "+").replace("_", "/")
    whole = whole[: len(whole) // 4 * 4] if len(whole) % 4 == 1 else whole + "=" * (-len(whole) % 4)
    try:
        return _readable(base64.b64decode(whole))
    except (binascii.Error, ValueError):
        return ""


def _from_hex(piece: str) -> str:
    try:
        return _readable(bytes.fromhex(piece.replace(":", " ")))
    except ValueError:
        return ""


def _readable(content: bytes) -> str:
    """The bytes as text, or nothing where they are mostly none."""
    plain = content.decode("utf-8", "ignore")
    letters = sum(each.isalpha() or each.isspace() for each in plain)
    return plain if letters > 0.8 * max(1, len(content)) else ""


def _joined(spaced: str) -> str:
    """Letters written apart, together again: three spaces or more were between words, or nobody can say where."""
    words = re.split(r"\s{3,}", spaced)
    return " ".join(re.sub(r"[\s._*-]", "", word) for word in words)
