"""What every interface offers, each returning only once its audit event is durable: record, then tell."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from staithe.kernel.errors import Integrity
from staithe.kernel.events import DocumentCurrent, Outcome
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import DocumentId
from staithe.query import limits
from staithe.query.audit import AuditTrail, citation_attributes, shown_attributes, traceparent_from
from staithe.query.http.explain import explain_answer, explain_search
from staithe.query.http.models import AnswerResponse, Mode, SearchResponse, answer_response, search_result
from staithe.query.language.writer import AnswerWriter
from staithe.query.retrieval import Broken
from staithe.query.stage import QueryStage

Shown = TypeVar("Shown", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Told(Generic[Shown]):
    """What may be told now. `body` is `shown` as JSON; the audit event has its digest, whatever the interface."""

    shown: Shown
    body: bytes


class RecordedQueries:
    """The queries of one installation; `interface` names the way a caller came, for the log."""

    def __init__(self, stage: QueryStage, trail: AuditTrail, writer: AnswerWriter | None = None) -> None:
        self._stage, self._trail, self._writer = stage, trail, writer

    async def search(
        self, caller: Caller, question: str, *, limit: int, interface: str, traceparent: str, explain: bool = False
    ) -> Told[SearchResponse]:
        """Raises as `QueryStage.search` and `AuditTrail.record` do."""
        retrieved = await self._stage.search(caller, question, limit=limit)
        search_id = self._trail.new_id()
        shown = SearchResponse(
            search_id=search_id, results=[search_result(each) for each in retrieved.results],
            explanation=explain_search(retrieved) if explain else None,
        )  # fmt: skip
        body = as_json(shown)
        await self._record_broken(caller, retrieved.broken)
        await self._trail.record(
            "query.searched", caller=caller, event_id=search_id, response=body, traceparent=traceparent,
            subject_sha256=self._trail.of_question(caller, question),
            attributes={"results": str(len(retrieved.results)), "interface": interface}
            | shown_attributes([each.hit for each in retrieved.results]),
        )  # fmt: skip
        return Told(shown, body)

    @property
    def has_writer(self) -> bool:
        """Whether a language model may word answers."""
        return self._writer is not None

    async def answer(
        self, caller: Caller, question: str, *, interface: str, traceparent: str, mode: Mode = "extractive",
        explain: bool = False,
    ) -> Told[AnswerResponse]:  # fmt: skip
        """In quotations, unless `mode` wants a language model's words and there are some that stand.

        Raises as `QueryStage.answer` and `AuditTrail.record` do.
        """
        answered = await self._stage.answer(caller, question)
        await self._record_broken(caller, answered.retrieved.broken)
        answer = answered.answer
        made: Mode = "extractive"
        if mode == "generative" and self._writer is not None and answer.answered:
            written = await self._writer.write(caller, question, answered, traceparent=traceparent)
            answer, made = (written, mode) if written is not None else (answer, made)
        answer_id = self._trail.new_id()
        salt = self._trail.salt_of(answer_id)
        explanation = explain_answer(answered.retrieved, answer) if explain else None
        shown = answer_response(answer_id, answer, made, salt, explanation)
        body = as_json(shown)
        await self._trail.record(
            "query.answered", caller=caller, event_id=answer_id, response=body, traceparent=traceparent,
            reason_code="" if answer.answered else "SUPPORT_LOW",
            subject_sha256=self._trail.of_question(caller, question),
            attributes=citation_attributes(answer, salt) | {"interface": interface, "answer_mode": made},
        )  # fmt: skip
        return Told(shown, body)

    async def content(
        self, caller: Caller, document_id: DocumentId, *, interface: str, traceparent: str
    ) -> tuple[DocumentCurrent, str]:
        """The document and its sanitized text; raises as `QueryStage.content` and `AuditTrail.record` do."""
        attributes = {"interface": interface}
        try:
            current, text = await self._stage.content(caller, document_id)
        except Integrity as error:
            await self._trail.record_document(
                "document.read", (caller.tenant_id, document_id), caller=caller, outcome=Outcome.FAILURE,
                reason_code=error.reason_code, traceparent=traceparent, attributes=attributes,
            )  # fmt: skip
            raise
        await self._trail.record_document(
            "document.read", (current.tenant_id, current.document_id), caller=caller,
            document_version=current.document_version, traceparent=traceparent, attributes=attributes,
        )  # fmt: skip
        return current, text

    async def _record_broken(self, caller: Caller, broken: tuple[Broken, ...]) -> None:
        for each in broken[: limits.BROKEN_AUDITED_MAX]:
            chunk = each.chunk
            await self._trail.record_document(
                "chunk.refused", (chunk.tenant_id, chunk.document_id), caller=caller, outcome=Outcome.FAILURE,
                reason_code=each.reason_code, document_version=chunk.document_version,
                attributes={"ordinal": str(chunk.ordinal)},
            )  # fmt: skip


def as_json(model: BaseModel) -> bytes:
    """The one form in which a model is sent and digested: JSON without spaces, UTF-8."""
    return model.model_dump_json().encode()


def traceparent_of(request: web.Request) -> str:
    """The request's traceparent, or nothing when it is not one."""
    return traceparent_from(request.headers.get("traceparent", ""))
