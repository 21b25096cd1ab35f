"""Extractive answers: the sentences that answer a question, quoted with their spans, or an honest "I do not know".

Pure: the stage retrieves passages and encodes sentences; this module chooses which ones, weighs them and cites.
The weights were fitted to half of the labelled sample questions (listwise logistic regression over all sentences of the
passages; for the support, logistic regression against the same questions with their documents withheld) and checked on
the other half.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from staithe.kernel.content import Readable
from staithe.query import lexical
from staithe.query.expected import expected
from staithe.query.limits import SENTENCES_CITED_MAX, SENTENCES_ENCODED_MAX, SENTENCES_SHORTLISTED_MAX
from staithe.query.ports import Vector
from staithe.query.sentences import Sentence, one_line, split_sentences
from staithe.vectors.store.rows import StoredChunk

UNKNOWN_TEXT: Final = "I do not know: no document that you may see answers this."

WEIGHT_MEANING: Final = 0.24
"""Of the likeness of question and sentence alone."""
WEIGHT_CONTEXT: Final = 0.22
"""Of the likeness of question and sentence under its title and heading."""
WEIGHT_WORDS: Final = 0.20
WEIGHT_CHUNK: Final = 0.32
"""Of the chunk the sentence stands in."""
BONUS_EXPECTED: Final = 0.14
"""For what the question asks for: a sum, a share, a time, a size."""
PENALTY_FRAGMENT: Final = 0.03
"""For a sentence that the chunk's edge cut; the whole one is often in the neighbouring chunk."""
SUPPORT_CONTEXT: Final = 0.60
SUPPORT_WORDS: Final = 0.12
SUPPORT_CHUNK: Final = 0.28
SUPPORT_MIN: Final = 0.38
"""Below this the best sentence is more likely beside the point than an answer."""
SCORE_GAP_MAX: Final = 0.10
"""A further sentence is quoted only when it is nearly as good as the best."""
CONTEXT_CHARACTERS_MAX: Final = 200
_NEXT_FIELD: Final = re.compile(r"\n(?=\w[^\n:]{0,40}: )")
_EMPHASIS: Final = re.compile(r"\*\*|__|`|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")


@dataclass(frozen=True, slots=True)
class Passage:
    """Retrieved text of one document: `text` begins at `start` of its sanitized text; `chunk` is its best chunk.

    `sources` are the chunks that the text was put together from, in order; none: `chunk` alone.
    """

    chunk: StoredChunk
    readable: Readable
    start: int
    text: str
    scores: tuple[tuple[int, int, float], ...]
    """Of each chunk in it: start, end and score."""
    sources: tuple[StoredChunk, ...] = ()

    @property
    def score(self) -> float:
        """Of its best chunk."""
        return max(score for _, _, score in self.scores)

    def score_of(self, start: int, end: int) -> float:
        """The best score of a chunk that has any of the characters `start` to `end`."""
        return max(score for begin, stop, score in self.scores if begin < end and start < stop)

    def touching(self, start: int, end: int) -> tuple[StoredChunk, ...]:
        """The chunks that hold some of the characters `start` to `end` of the sanitized text."""
        return tuple(each for each in self.sources if each.span_start < end and start < each.span_end) or (self.chunk,)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. `context_text` is the sentence under its title and heading.

    `expected` says that it holds what the question asks for, a sum or a time for example.
    """

    passage: Passage
    start: int
    end: int
    quote: str
    context_text: str
    chunk_score: float
    words_score: float
    expected: bool
    fragment: bool


@dataclass(frozen=True, slots=True)
class Shortlisted:
    """A candidate with its score so far."""

    candidate: Candidate
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A quotation and where it stands: `quote` is characters `start` to `end` of the document's sanitized text.

    `sources` are the chunks that hold it, at least one.
    """

    chunk: StoredChunk
    title: str
    name: str
    start: int
    end: int
    quote: str
    score: float
    sources: tuple[StoredChunk, ...]

    @property
    def quote_sha256(self) -> bytes:
        return hashlib.sha256(self.quote.encode()).digest()


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer, and the places in `Answer.citations` of what it rests on."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the caller. No sentences: not answered, and no citations. `support` says how well, 0 to about 1."""

    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    support: float

    @property
    def answered(self) -> bool:
        return bool(self.sentences)

    @property
    def text(self) -> str:
        return " ".join(each.text for each in self.sentences) or UNKNOWN_TEXT


def candidates(question: str, passages: Sequence[Passage]) -> tuple[Candidate, ...]:
    """The sentences worth encoding, at most SENTENCES_ENCODED_MAX, most promising first."""
    asked, wanted = lexical.content_words(question), expected(question)
    sentences = [(passage, sentence, context) for passage in passages for sentence, context in _statements(passage)]
    bags = [
        (lexical.content_words(passage.text[sentence.start : sentence.end]), lexical.content_words(context))
        for passage, sentence, context in sentences
    ]
    weights = lexical.rarity(own | context for own, context in bags)
    found: dict[tuple[str, int, int], Candidate] = {}
    for (passage, sentence, context), (own, around) in zip(sentences, bags, strict=True):
        start, end = passage.start + sentence.start, passage.start + sentence.end
        quote = passage.text[sentence.start : sentence.end]
        # Words of the heading count half: they say what a section is about, not what a sentence says.
        score = (lexical.overlap(asked, own, weights) + lexical.overlap(asked, own | around, weights)) / 2
        fragment = sentence.start == 0 and passage.start > 0 and quote[:1].islower()
        candidate = Candidate(
            passage=passage, start=start, end=end, quote=quote, fragment=fragment, words_score=score,
            context_text=f"{context}: {quote}" if context else quote, chunk_score=passage.score_of(start, end),
            expected=wanted is not None and wanted.search(quote) is not None,
        )  # fmt: skip
        key = (passage.chunk.document_id, start, end)
        if quote.strip() and (key not in found or found[key].words_score < score):
            found[key] = candidate
    ranked = sorted(found.values(), key=_without_meaning, reverse=True)
    return tuple(ranked[:SENTENCES_ENCODED_MAX])


def _without_meaning(candidate: Candidate) -> float:
    """The part of a candidate's score that costs no encoding."""
    return (
        WEIGHT_WORDS * candidate.words_score
        + WEIGHT_CHUNK * candidate.chunk_score
        + BONUS_EXPECTED * candidate.expected
        - PENALTY_FRAGMENT * candidate.fragment
    )


def shortlist(
    question_vector: Vector, ranked: Sequence[Candidate], quote_vectors: Sequence[Vector]
) -> tuple[Shortlisted, ...]:
    """The best SENTENCES_SHORTLISTED_MAX of `ranked`, whose quotes have the vectors given, best first."""
    scored = [
        Shortlisted(each, _without_meaning(each) + WEIGHT_MEANING * float(question_vector @ vector))
        for each, vector in zip(ranked, quote_vectors, strict=True)
    ]
    scored.sort(key=lambda each: -each.score)
    return tuple(scored[:SENTENCES_SHORTLISTED_MAX])


def compose(question_vector: Vector, listed: Sequence[Shortlisted], context_vectors: Sequence[Vector]) -> Answer:
    """The answer from the short list, whose context texts have the vectors given."""
    scored: list[tuple[float, Candidate]] = []
    best, support = 0.0, 0.0
    for each, vector in zip(listed, context_vectors, strict=True):
        in_context, candidate = float(question_vector @ vector), each.candidate
        score = each.score + WEIGHT_CONTEXT * in_context
        scored.append((score, candidate))
        if score > best:
            best, support = score, _support(candidate, in_context)
    if support < SUPPORT_MIN:
        return Answer((), (), round(support, 4))
    scored.sort(key=lambda pair: -pair[0])
    chosen: list[tuple[float, Candidate]] = []
    for score, candidate in scored:
        if len(chosen) == SENTENCES_CITED_MAX or scored[0][0] - score > SCORE_GAP_MAX:
            break
        if not any(_repeats(candidate, other) for _, other in chosen):
            chosen.append((score, candidate))
    citations = tuple(_cited(each, score) for score, each in chosen)
    sentences = tuple(AnswerSentence(_readable(each.quote), (place,)) for place, each in enumerate(citations))
    return Answer(sentences, citations, round(support, 4))


def _cited(chosen: Candidate, score: float) -> Citation:
    passage, start, end = chosen.passage, chosen.start, chosen.end
    return Citation(
        passage.chunk, passage.readable.title, passage.readable.name, start, end, chosen.quote, round(score, 4),
        passage.touching(start, end),
    )  # fmt: skip


def _support(candidate: Candidate, in_context: float) -> float:
    """How likely the candidate answers, 0 to about 1."""
    return SUPPORT_CONTEXT * in_context + SUPPORT_WORDS * candidate.words_score + SUPPORT_CHUNK * candidate.chunk_score


def _statements(passage: Passage) -> Iterator[tuple[Sentence, str]]:
    """The sentences that say something, each with its context.

    A sentence that asks repeats the caller's words and answers nothing: it is context of the one after it.
    """
    asked = ""
    for sentence in split_sentences(passage.text):
        quote = passage.text[sentence.start : sentence.end]
        if quote.rstrip("\"'*_)\u201d\u2019").endswith("?"):
            asked = one_line(quote)
            continue
        yield sentence, _context(passage, asked or sentence.context)
        asked = ""


def _context(passage: Passage, heading: str) -> str:
    title = passage.readable.title or passage.readable.name
    parts = [title] if heading == title or not heading else [title, heading]
    return ". ".join(filter(None, parts))[:CONTEXT_CHARACTERS_MAX]


def _repeats(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates overlap, or say the same in other places."""
    same_document = one.passage.chunk.document_id == other.passage.chunk.document_id
    if same_document and one.start < other.end and other.start < one.end:
        return True
    a, b = lexical.content_words(one.quote), lexical.content_words(other.quote)
    return len(a & b) >= 0.8 * min(len(a), len(b))


def _readable(quote: str) -> str:
    """A quotation as a sentence of the answer: one line, without Markdown's emphasis, fields set apart."""
    return one_line(_EMPHASIS.sub("", _NEXT_FIELD.sub("; ", quote)))
