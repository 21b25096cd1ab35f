"""What the APIs answer. Members that a later service adds are ignored, so that an older client goes on working."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answered(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Span(_Answered):
    """Characters (Unicode code points) of a document's sanitized text, end exclusive."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """These characters of the document's text."""
        return text[self.start : self.end]


class ExplainedChunk(_Answered):
    """How a chunk came to its place; ranks count from 1 among what the caller may see, None: not found that way."""

    document_id: str
    document_version: int
    chunk_id: str
    span: Span
    meaning_rank: int | None
    meaning_score: float
    words_rank: int | None
    words_score: float | None
    fused_score: float
    cited: bool | None


class Explanation(_Answered):
    """How what was found was found; nothing in it tells of documents that the caller may not see."""

    retrieval: Literal["hybrid", "dense"]
    chunks: tuple[ExplainedChunk, ...]
    superseded: int
    crowded_out: int
    broken: int
    support_min: float | None


class Citation(_Answered):
    """A verbatim quotation and where it stands."""

    document_id: str
    document_version: int
    title: str
    name: str
    span: Span
    quote: str
    quote_sha256: str
    score: float


class Sentence(_Answered):
    """A sentence of an answer; `citations` are places in the answer's citations, from 0."""

    text: str
    citations: tuple[int, ...]


class Answer(_Answered):
    """An answer made of what documents say, or the admission that they do not (`answered` False).

    `answer_id` finds its evidence; `salt` opens the digests of the quotations in the audit log: keep both.
    """

    answer_id: str
    mode: Literal["extractive", "generative"]
    answered: bool
    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    support: float
    salt: str
    explanation: Explanation | None = None
    body: bytes = Field(
        default=b"", repr=False, description="The answer's very bytes, which the log has the digest of."
    )


class SentenceTold(_Answered):
    """A sentence of an answer that is still being told, with what it rests on."""

    index: int
    text: str
    citations: tuple[Citation, ...]


class Result(_Answered):
    """One chunk of a document that the caller may see, in its current version; a higher score is nearer."""

    document_id: str
    document_version: int
    title: str
    name: str
    chunk_id: str
    span: Span
    text: str
    text_sha256: str
    score: float


class Found(_Answered):
    """A search's results, best first."""

    search_id: str
    results: tuple[Result, ...]
    explanation: Explanation | None = None


class Document(_Answered):
    """What holds for a document now; times are milliseconds since the epoch."""

    document_id: str
    document_version: int
    tier: int
    classification: str
    retention_until: int | None
    residency: str
    content_sha256: str
    chunk_count: int
    changed_at: int


class Text(_Answered):
    """A document's sanitized text, which the spans of citations of the same version count in."""

    document_version: int
    text: str


class Accepted(_Answered):
    """An upload that the broker has; what becomes of it is told by its state."""

    document_id: str
    document_version: int


class State(_Answered):
    """Where the newest version of a document is: `PENDING` also where there is none, or none to be told of."""

    document_id: str
    state: Literal["PENDING", "INDEXED", "ERASED", "QUARANTINED", "REJECTED", "DEAD_LETTERED"]
    document_version: int | None = None
    chunk_count: int | None = None
    stage: str | None = None
    reason_codes: tuple[str, ...] = ()
    served_version: int | None = None

    @property
    def is_final(self) -> bool:
        """Nothing more happens to this version by itself."""
        return self.state != "PENDING"


class Erasing(_Answered):
    """An erasure that was accepted: every version up to `document_version` goes."""

    document_id: str
    document_version: int
    status: Literal["accepted"]


class ErasureReceipt(_Answered):
    """What an erasure removed and what it does not cover; nulls while the document is not erased."""

    document_id: str
    document_version: int
    status: Literal["erased", "not_erased"]
    completed_at: int | None
    rows_removed: int | None
    secrets_destroyed: int | None
    audit_event_id: str | None
    keys_audit_event_id: str | None
    not_covered: tuple[str, ...]
