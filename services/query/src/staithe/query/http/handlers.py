"""The handlers: check the scope, read the body, ask the stage, record, and only then answer."""

from typing import Final
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.events import Outcome
from staithe.kernel.http import require_scope
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import DocumentId, document_id
from staithe.query import limits
from staithe.query.audit import AuditTrail, traceparent_from
from staithe.query.erasure import SUBMITTED_TOPIC, erasure_of
from staithe.query.http.accept import require_accepts
from staithe.query.http.bodies import read_body
from staithe.query.http.models import (
    AnswerRequest,
    AnswerResponse,
    DocumentResponse,
    ErasureResponse,
    SearchRequest,
    SearchResponse,
    answer_citation,
    search_result,
)  # fmt: skip
from staithe.query.http.operations import JSON, TEXT, VERSION_HEADER
from staithe.query.policy import SCOPE_ERASE, SCOPE_READ, SCOPE_SEARCH, Refusal
from staithe.query.ports import EventPublisher
from staithe.query.stage import Broken, Hidden, QueryStage
from staithe.query.worker import BoundedWorker

_UTF8: Final = "utf-8"


class Handlers:
    """One method per operation, named as in the table of operations."""

    def __init__(
        self, *, stage: QueryStage, trail: AuditTrail, publisher: EventPublisher, publishing: BoundedWorker,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._stage, self._trail, self._clock = stage, trail, clock
        self._publisher, self._publishing = publisher, publishing

    async def search(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_SEARCH)
        require_accepts(request, JSON)
        asked = await read_body(request, SearchRequest)
        retrieved = await self._stage.search(caller, asked.question, limit=asked.limit)
        search_id = self._trail.new_id()
        body = _json(SearchResponse(search_id=search_id, results=[search_result(each) for each in retrieved.results]))
        await self._record_broken(caller, retrieved.broken)
        await self._trail.record(
            "query.searched", caller=caller, event_id=search_id, response=body, traceparent=_traceparent(request),
            subject_sha256=self._trail.of_question(caller, asked.question),
            attributes={"results": str(len(retrieved.results))},
        )  # fmt: skip
        return _answer(body)

    async def answer(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_SEARCH)
        require_accepts(request, JSON)
        asked = await read_body(request, AnswerRequest)
        answered = await self._stage.answer(caller, asked.question)
        answer_id, answer = self._trail.new_id(), answered.answer
        shown = AnswerResponse(
            answer_id=answer_id, answered=answer.answered, text=answer.text, support=answer.support,
            citations=[answer_citation(each) for each in answer.citations],
        )  # fmt: skip
        body = _json(shown)
        await self._record_broken(caller, answered.broken)
        await self._trail.record(
            "query.answered", caller=caller, event_id=answer_id, response=body, traceparent=_traceparent(request),
            reason_code="" if answer.answered else "SUPPORT_LOW",
            subject_sha256=self._trail.of_question(caller, asked.question),
            attributes={"citations": str(len(answer.citations))},
        )  # fmt: skip
        return _answer(body)

    async def document(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_READ)
        require_accepts(request, JSON)
        current = self._stage.document(caller, _document_id(request))
        shown = DocumentResponse(
            document_id=current.document_id, document_version=current.document_version,
            tier=int(current.access.tier), classification=current.access.classification.value,
            retention_until=current.retention_until, residency=current.residency,
            content_sha256=current.content_sha256.hex(), chunk_count=current.chunk_count,
            changed_at=current.occurred_at,
        )  # fmt: skip
        await self._trail.record_document(
            "document.inspected", (current.tenant_id, current.document_id), caller=caller,
            document_version=current.document_version, traceparent=_traceparent(request),
        )  # fmt: skip
        return _answer(_json(shown))

    async def content(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_READ)
        require_accepts(request, TEXT)
        document = _document_id(request)
        try:
            current, text = await self._stage.content(caller, document)
        except Integrity as error:
            await self._trail.record_document(
                "document.read", (caller.tenant_id, document), caller=caller, outcome=Outcome.FAILURE,
                reason_code=error.reason_code, traceparent=_traceparent(request),
            )  # fmt: skip
            raise
        await self._trail.record_document(
            "document.read", (current.tenant_id, current.document_id), caller=caller,
            document_version=current.document_version, traceparent=_traceparent(request),
        )  # fmt: skip
        return web.Response(
            body=text.encode(), content_type=TEXT, charset=_UTF8,
            headers={VERSION_HEADER: str(current.document_version)},
        )  # fmt: skip

    async def erase(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_ERASE)
        require_accepts(request, JSON)
        event = erasure_of(self._stage.erasable(caller, _document_id(request)), now_ms=self._clock.now_ms())
        # Recorded first: an erasure nobody asked for in the log is worse than a request without effect.
        await self._trail.record_document(
            "document.erasure_requested", (event.tenant_id, event.document_id), caller=caller,
            document_version=event.document_version, traceparent=_traceparent(request),
        )  # fmt: skip
        await self._publishing.run(self._publisher.publish, SUBMITTED_TOPIC, event, _trace_headers(request))
        body = _json(
            ErasureResponse(document_id=event.document_id, document_version=event.document_version, status="accepted")
        )
        location = f"/v1/documents/{quote(event.document_id, safe='')}"
        return _answer(body, status=202, headers={"Location": location})

    async def _record_broken(self, caller: Caller, broken: tuple[Broken, ...]) -> None:
        for each in broken[: limits.BROKEN_AUDITED_MAX]:
            chunk = each.chunk
            await self._trail.record_document(
                "chunk.refused", (chunk.tenant_id, chunk.document_id), caller=caller, outcome=Outcome.FAILURE,
                reason_code=each.reason_code, document_version=chunk.document_version,
                attributes={"ordinal": str(chunk.ordinal)},
            )  # fmt: skip


def _document_id(request: web.Request) -> DocumentId:
    """The path's document id; one that no document can have is simply absent."""
    try:
        return document_id(request.match_info["document_id"])
    except InvalidEvent:
        raise Hidden(Refusal.ABSENT) from None


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json().encode()


def _answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type=JSON)


def _traceparent(request: web.Request) -> str:
    return traceparent_from(request.headers.get("traceparent", ""))


def _trace_headers(request: web.Request) -> list[tuple[str, bytes]]:
    traceparent = _traceparent(request)
    return [("traceparent", traceparent.encode())] if traceparent else []
