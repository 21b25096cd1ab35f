"""Requests and responses as the API shows them; the OpenAPI document is made from these very classes."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

from staithe.kernel.events import DocumentCurrent
from staithe.query.answer import Answer, Citation
from staithe.query.erasure import NOT_COVERED
from staithe.query.http.shapes import Explanation, Span, Strict
from staithe.query.limits import CITATIONS_MAX, QUESTION_CHARACTERS_MAX, RESULTS_DEFAULT, RESULTS_MAX
from staithe.query.question import as_question
from staithe.query.retrieval import Found

Question = Annotated[
    str,
    Field(
        min_length=1, max_length=QUESTION_CHARACTERS_MAX,
        description="What to look for, in plain words. No control or direction characters.",
        examples=["How many days of annual leave do we have?"],
    ),
    AfterValidator(as_question),
]  # fmt: skip
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 (FIPS 180-4) in hexadecimal.")]


EXPLAIN: Final = "Also tell how the chunks came to their places. Nothing is told of documents the caller may not see."


class SearchRequest(Strict):
    """A search."""

    question: Question
    limit: int = Field(default=RESULTS_DEFAULT, ge=1, le=RESULTS_MAX, description="Results wanted, at most.")
    explain: bool = Field(default=False, description=EXPLAIN)


Mode = Literal["extractive", "generative"]


class AnswerRequest(Strict):
    """A question."""

    question: Question
    mode: Mode = Field(
        default="extractive",
        description="extractive: in quotations. generative: in a language model's words, where one is set up and may "
        "be asked; otherwise in quotations.",
    )
    explain: bool = Field(default=False, description=EXPLAIN)


class SearchResult(Strict):
    """One chunk of a document that the caller may see, in its current version."""

    document_id: str
    document_version: int
    title: str
    name: str
    chunk_id: str
    span: Span
    text: str
    text_sha256: Sha256
    score: float = Field(description="Cosine similarity, higher is nearer.")


class SearchResponse(Strict):
    """Results, best first; none when nothing that the caller may see is near."""

    search_id: str = Field(description="Id of this search's entry in the audit log.")
    results: list[SearchResult]
    explanation: Explanation | None = Field(default=None, description="Where it was asked for.")


class AnswerCitation(Strict):
    """A verbatim quotation and where it stands."""

    document_id: str
    document_version: int
    title: str
    name: str
    span: Span
    quote: str
    quote_sha256: Sha256
    score: float


class AnswerSentence(Strict):
    """A sentence of the answer."""

    text: str = Field(
        description="One line of plain text; in extractive answers the quotation without Markdown's emphasis."
    )
    citations: list[int] = Field(description="Places in `citations` of what the sentence rests on, from 0.")


class AnswerResponse(Strict):
    """An answer made of quotations, or the admission that there is none."""

    answer_id: str = Field(description="Id of this answer's entry in the audit log.")
    mode: Mode = Field(description="How it was made; generative: each sentence's citation is what it was checked by.")
    answered: bool = Field(description="False: the sources do not support an answer; there are no citations then.")
    text: str = Field(description="The sentences, or the admission.")
    sentences: list[AnswerSentence]
    citations: list[AnswerCitation] = Field(max_length=CITATIONS_MAX)
    support: float = Field(description="How well the best quotation fits, 0 to about 1.")
    salt: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="Opens the digests of the quotations in the audit log; keep it with the answer.",
    )
    explanation: Explanation | None = Field(default=None, description="Where it was asked for.")


class DocumentResponse(Strict):
    """What holds for a document now."""

    document_id: str
    document_version: int
    tier: int = Field(ge=1, le=3)
    classification: str
    retention_until: int | None = Field(description="Milliseconds since the epoch; null: no end.")
    residency: str
    content_sha256: Sha256
    chunk_count: int
    changed_at: int = Field(description="Milliseconds since the epoch.")


class EvidenceEntry(Strict):
    """An entry of the audit log and its inclusion proof (RFC 6962), sibling first."""

    leaf_index: int = Field(ge=0)
    entry: str = Field(description="The entry's very bytes: canonical JSON without content.")
    path: list[str] = Field(description="Hashes in base64.")


class EvidenceResponse(Strict):
    """Evidence of an answer; docs/verify-without-staithe.md says how to check it offline."""

    format: Literal["staithe/evidence/v1"]
    answer_id: str
    answer: int = Field(ge=0, description="Leaf index of the answer's entry.")
    citations: list[dict[str, Any]] = Field(
        description="What is cited, by digests, and the leaf indices of each step of the cited version."
    )
    entries: list[EvidenceEntry]
    checkpoint: str = Field(description="The log's signed checkpoint (C2SP tlog-checkpoint).")
    salt: Sha256 | None = Field(default=None, description="Opens the digests of the quotations; for who asked only.")


class ErasureResponse(Strict):
    """The erasure was accepted; it takes effect within seconds and cannot be undone."""

    document_id: str
    document_version: int = Field(description="The version the erasure takes; every lower one goes.")
    status: Literal["accepted"]


class ErasureReceipt(Strict):
    """What an erasure removed, and what it does not cover; nulls while the document is not erased."""

    document_id: str
    document_version: int = Field(description="Every version up to this one is erased; not erased: the current one.")
    status: Literal["erased", "not_erased"]
    completed_at: int | None = Field(description="Milliseconds since the epoch.")
    rows_removed: int | None = Field(description="Rows of the index that were found and deleted; none was left.")
    secrets_destroyed: int | None = Field(
        description="Secrets that every sealed copy needs: on the topics, in quarantine, dead letters and backups."
    )
    audit_event_id: str | None = Field(description="The leaf `document.erased` of the audit log.")
    keys_audit_event_id: str | None = Field(description="The leaf `keys.shredded`.")
    not_covered: list[str]


class FieldFault(Strict):
    """What is wrong with one field; never its value."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the request body.")
    detail: str


class StatusEvent(Strict):
    """What is being done."""

    state: Literal["searching", "recorded"] = Field(description="recorded: the answer is in the audit log and follows.")


class SentenceEvent(Strict):
    """A sentence of the answer with what it rests on."""

    index: int
    text: str
    citations: list[AnswerCitation]


class RpcMessage(BaseModel):
    """A message of JSON-RPC 2.0; what `params` has is the protocol's affair."""

    jsonrpc: Literal["2.0"]
    method: str | None = None
    id: int | str | None = None
    params: dict[str, Any] | None = None


class RpcReply(BaseModel):
    """What answers a request of JSON-RPC 2.0: a result, or an error."""

    jsonrpc: Literal["2.0"]
    id: int | str | None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class ProblemDocument(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="urn:staithe:problem:<slug>; stable.")
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldFault] | None = None


def search_result(found: Found) -> SearchResult:
    """A retrieved chunk as the API shows it."""
    hit = found.hit
    return SearchResult(
        document_id=hit.document_id, document_version=hit.document_version, title=found.title, name=found.name,
        chunk_id=hit.chunk_id, span=Span(start=hit.span_start, end=hit.span_end), text=found.text,
        text_sha256=hit.text_sha256.hex(), score=round(hit.score, 6),
    )  # fmt: skip


def answer_response(
    answer_id: str, answer: Answer, mode: Mode, salt: bytes, explanation: Explanation | None
) -> AnswerResponse:
    """An answer as the API shows it."""
    return AnswerResponse(
        answer_id=answer_id, mode=mode, answered=answer.answered, text=answer.text, support=answer.support,
        sentences=[AnswerSentence(text=each.text, citations=list(each.citations)) for each in answer.sentences],
        citations=[answer_citation(each) for each in answer.citations], salt=salt.hex(), explanation=explanation,
    )  # fmt: skip


def answer_citation(citation: Citation) -> AnswerCitation:
    """A citation as the API shows it."""
    chunk = citation.chunk
    return AnswerCitation(
        document_id=chunk.document_id, document_version=chunk.document_version,
        title=citation.title, name=citation.name,
        span=Span(start=citation.start, end=citation.end), quote=citation.quote,
        quote_sha256=citation.quote_sha256.hex(), score=citation.score,
    )  # fmt: skip


def erasure_receipt(current: DocumentCurrent) -> ErasureReceipt:
    """What the document's erasure left behind."""
    done = current.erasure
    return ErasureReceipt(
        document_id=current.document_id, document_version=current.document_version,
        status="erased" if current.erased else "not_erased",
        completed_at=done.completed_at if done else None, rows_removed=done.rows_removed if done else None,
        secrets_destroyed=done.secrets_destroyed if done else None, audit_event_id=done.event_id if done else None,
        keys_audit_event_id=done.keys_event_id if done else None, not_covered=list(NOT_COVERED),
    )  # fmt: skip
