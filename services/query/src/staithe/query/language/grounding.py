"""Checks a language model's reply against the passages, sentence by sentence. Pure.

A sentence stays when it is plain, names passages it was given, and one quotable sentence of those has all of its
figures and most of its words and denies as it does. That is a check of words, not of meaning: a sentence that twists
who did what with the source's own words passes. So each one carries the verbatim quotation it was checked against.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.query import lexical
from staithe.query.answer import Answer, AnswerSentence, Citation, Passage
from staithe.query.limits import LANGUAGE_SENTENCES_MAX, SENTENCE_CHARACTERS_MAX
from staithe.query.sentences import one_line, split_sentences

WORDS_SHARE_MIN: Final = 0.6
"""Of a sentence's words that its source must have: a paraphrase keeps the words that carry the fact."""
_ACTIVE: Final = re.compile(
    r"https?:|www\.|\w+://|javascript:|data:|[<>`{}|]|\[[^\]]*\]\s*\(|!\[|\]\(|\*\*|__|^\s*#|\btool_calls?\b|\bfunction_call\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Links, images, markup, code and calls: a plain sentence has none of them."""
_FIGURE: Final = re.compile(r"\d+(?:[.,:/-]\d+)*")
_DENIAL: Final = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|without|neither|nor|cannot)\b|n['\u2019]t\b", re.IGNORECASE
)


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    text: str = Field(min_length=1, max_length=SENTENCE_CHARACTERS_MAX)
    passages: list[int] = Field(min_length=1, max_length=16)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    sentences: list[object]


@dataclass(frozen=True, slots=True)
class Grounded:
    """What stayed of a reply, and how many sentences did not."""

    answer: Answer
    dropped: int


def ground(reply: str, passages: Sequence[Passage], support: float) -> Grounded:
    """The answer that `passages` bear out of `reply`, which is not trusted; not answered when nothing stays."""
    sentences: list[AnswerSentence] = []
    citations: list[Citation] = []
    said = _said(reply)
    for each in said[:LANGUAGE_SENTENCES_MAX]:
        source = None if each is None else _source(each, passages)
        if each is None or source is None:
            continue
        place = next((n for n, known in enumerate(citations) if _same(known, source)), len(citations))
        citations[place:] = citations[place:] or [source]
        sentences.append(AnswerSentence(one_line(each.text), (place,)))
    return Grounded(Answer(tuple(sentences), tuple(citations), support), len(said) - len(sentences))


def _said(reply: str) -> list[_Sentence | None]:
    """The sentences of a reply; None for one that is not of the form that was asked for."""
    try:
        listed = _Reply.model_validate(json.loads(reply)).sentences
    except (ValueError, RecursionError):
        return [None]
    return [_sentence(each) for each in listed]


def _sentence(said: object) -> _Sentence | None:
    try:
        sentence = _Sentence.model_validate(said)
    except ValidationError:
        return None
    plain = _ACTIVE.search(sentence.text) is None and all(each.isprintable() for each in sentence.text)
    return sentence if plain else None


def _source(sentence: _Sentence, passages: Sequence[Passage]) -> Citation | None:
    """The quotation among the passages it names that bears the sentence out best, or None when none does."""
    words, figures = lexical.content_words(sentence.text), set(_FIGURE.findall(sentence.text))
    denies = _DENIAL.search(sentence.text) is not None
    best: tuple[float, Citation] | None = None
    for citation in _quotable(sentence.passages, passages, denies=denies):
        share = len(words & lexical.content_words(citation.quote)) / (len(words) or 1)
        bears_out = figures <= set(_FIGURE.findall(citation.quote)) and share >= WORDS_SHARE_MIN
        if bears_out and (not best or share > best[0]):
            best = (share, citation)
    return best[1] if best else None


def _quotable(numbers: Sequence[int], passages: Sequence[Passage], *, denies: bool) -> Iterator[Citation]:
    """The sentences of the passages named that deny or affirm as is asked, alone and in pairs.

    A statement may rest on two sentences that follow each other, but not on a denial beside an affirmation.
    """
    for number in sorted(set(numbers)):
        if not 1 <= number <= len(passages):
            continue
        passage = passages[number - 1]
        spans = [(each.start, each.end) for each in split_sentences(passage.text)]
        fit = [(_DENIAL.search(passage.text, *span) is not None) == denies for span in spans]
        single = [span for span, fits in zip(spans, fit, strict=True) if fits]
        paired = [
            (one[0], other[1])
            for (one, other), fits in zip(pairwise(spans), pairwise(fit), strict=True)
            if all(fits) and other[1] - one[0] <= 2 * SENTENCE_CHARACTERS_MAX
        ]
        for start, end in [*single, *paired]:
            begin, stop = passage.start + start, passage.start + end
            score = round(passage.score_of(begin, stop), 4)
            quote, names = passage.text[start:end], passage.readable
            sources = passage.touching(begin, stop)
            yield Citation(passage.chunk, names.title, names.name, begin, stop, quote, score, sources)


def _same(one: Citation, other: Citation) -> bool:
    return (one.chunk.document_id, one.start, one.end) == (other.chunk.document_id, other.start, other.end)
