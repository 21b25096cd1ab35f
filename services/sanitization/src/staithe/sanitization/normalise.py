"""Normalises text twice over, and leads every span back to the original. Pure.

*For readers and the index* (`NormalisedText.text`): invisible characters go (tag characters, bidirectional controls,
zero-width marks, soft hyphens, C0/C1 controls; joiners stay where a script needs them), every line end is a line feed,
and the rest is in Unicode's compatibility form NFKC (Unicode Standard Annex 15) *where that is safe*: superscripts,
subscripts, fractions, circled numbers and spacing accents stay, because `10²` is not 102 and `5½` is not 51/2.

*For detectors only* (`NormalisedText.folded`): all of NFKC, look-alike letters of other alphabets, digits of every
script and the many hyphens and spaces as their ASCII counterparts (Unicode Technical Standard 39's idea, a short table
of our own), so that a Cyrillic letter in an address hides nothing. Nobody is shown this form.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from staithe.sanitization.lookalikes import lookalikes
from staithe.sanitization.offsets import Edit, OffsetMap, apply_edits

_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U000e0000-\U000e0fff\U0001d173-\U0001d17a"
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
)
_IS_INVISIBLE: Final = re.compile(f"[{_INVISIBLE}]")
_LINE_END: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_PLAIN: Final = re.compile("[\n\t -~]*")
_FOREIGN: Final = re.compile("[\n\t -~]?[^\n\t -~]+")
"""What is not plain ASCII, with the character before it, which marks may combine with."""
_UNSEEN: Final = re.compile(f"[\u200c\u200d{_INVISIBLE}]")
_JOINER: Final = re.compile("[\u200c\u200d]")
_NEEDS_JOINERS: Final = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Arabic and Indic scripts, and emoji sequences: there a joiner changes what is read."""

_MEANINGFUL: Final = ("<super>", "<sub>", "<fraction>", "<circle>", "<compat> 0020 ")
"""Compatibility forms that say something: a power, a fraction, a number of a list, an accent on its own."""

_Normal = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """`text` for readers, `folded` for detectors; `removed` counts invisible characters."""

    text: str
    folded: str
    removed: int
    _to_original: tuple[OffsetMap, ...]
    _to_text: OffsetMap

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original text that `text[start:end]` stands for; `start` < `end`."""
        for each in reversed(self._to_original):
            start, end = each.span(start, end)
        return start, end

    def text_span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of `text` that `folded[start:end]` stands for; `start` < `end`."""
        return self._to_text.span(start, end)


def normalise(text: str) -> NormalisedText:
    """Both forms of `text`; the same input gives the same output, and normalising `text` again changes nothing."""
    if _PLAIN.fullmatch(text):
        return NormalisedText(text, text, 0, (), OffsetMap())
    maps: list[OffsetMap] = []
    removed = 0
    # First letters as they are read, so that joiners are judged by those; again, because removal lets marks combine.
    for find in (_line_ends, _recompose, _loose_joiners, _recompose):
        edits = list(find(text))
        if edits:
            removed += sum(len(_IS_INVISIBLE.findall(text[each.start : each.end])) for each in edits)
            removed += len(edits) if find is _loose_joiners else 0
            text = apply_edits(text, edits)
            maps.append(OffsetMap(edits))
    folding = list(_folding(text))
    folded = apply_edits(text, folding).translate(lookalikes())
    return NormalisedText(text, folded, removed, tuple(maps), OffsetMap(folding))


def _line_ends(text: str) -> Iterator[Edit]:
    return (Edit(each.start(), each.end(), "\n") for each in _LINE_END.finditer(text))


def _recompose(text: str) -> Iterator[Edit]:
    return _by_cluster(text, _safe)


def _folding(text: str) -> Iterator[Edit]:
    for edit in _by_cluster(text, _full):
        yield Edit(edit.start, edit.end, _JOINER.sub("", edit.text))


def _loose_joiners(text: str) -> Iterator[Edit]:
    for match in _JOINER.finditer(text):
        around = text[max(0, match.start() - 1)] + text[min(len(text) - 1, match.end())]
        if not all(map(_NEEDS_JOINERS.match, around)):
            yield Edit(match.start(), match.end(), "")


def _by_cluster(text: str, normal: _Normal) -> Iterator[Edit]:
    """What normalising changes, cluster by cluster: a cluster is what composition can never reach out of."""
    for region in _FOREIGN.finditer(text):
        # Most foreign letters are normal already, and the library's own test says so a hundred times faster.
        if unicodedata.is_normalized("NFKC", region.group()) and not _UNSEEN.search(region.group()):
            continue
        for start, end in _clusters(text, region.start(), region.end()):
            old = text[start:end]
            new = normal(old)
            if new != old:
                yield Edit(start, end, new)


def _clusters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for position in range(start + 1, end):
        # An invisible character stays with what stands before it: it may part a letter from its accent.
        if not _IS_INVISIBLE.match(text[position]) and _begins_cluster(text[position]):
            yield first, position
            first = position
    yield first, end


def _safe(cluster: str) -> str:
    """Composed, without invisible characters, in compatibility form where no meaning is lost."""
    return unicodedata.normalize("NFC", "".join(map(_safe_character, _IS_INVISIBLE.sub("", cluster))))


def _full(cluster: str) -> str:
    return unicodedata.normalize("NFKC", _IS_INVISIBLE.sub("", _JOINER.sub("", cluster)))


@cache
def _safe_character(character: str) -> str:
    composed = unicodedata.normalize("NFC", character)
    if any(unicodedata.decomposition(each).startswith(_MEANINGFUL) for each in composed):
        return composed
    return unicodedata.normalize("NFKC", character)


@cache
def _begins_cluster(character: str) -> bool:
    """Whether nothing before `character` can ever combine with it."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.combining(first) == 0 and first not in _followers() and not _JOINER.match(character)


@cache
def _followers() -> frozenset[str]:
    """Characters of combining class zero that compose with the one before: vowel signs, and parts of Hangul."""
    pairs = (unicodedata.decomposition(chr(code)) for code in range(0xC0, 0x20000))
    second = {chr(int(each.split()[1], 16)) for each in pairs if each and each[0] != "<" and " " in each}
    return frozenset(
        {each for each in second if not unicodedata.combining(each)} | set(map(chr, range(0x1161, 0x11FF)))
    )
