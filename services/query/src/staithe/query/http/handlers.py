"""The handlers: check the scope, read the body, ask the stage, record, and only then answer."""

from typing import Final
from urllib.parse import quote

from aiohttp import web

from staithe.kernel.clock import Clock
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.http import require_scope
from staithe.kernel.vocabulary import DocumentId, document_id
from staithe.query.audit import AuditTrail
from staithe.query.erasure import SUBMITTED_TOPIC, erasure_of
from staithe.query.http.accept import JSON, TEXT, require_accepts, wants_events
from staithe.query.http.bodies import InvalidBody, fault, read_body
from staithe.query.http.models import (
    AnswerRequest,
    AnswerResponse,
    DocumentResponse,
    ErasureResponse,
    SearchRequest,
    erasure_receipt,
)  # fmt: skip
from staithe.query.http.operations import VERSION_HEADER
from staithe.query.http.recorded import RecordedQueries, Told, as_json, traceparent_of
from staithe.query.http.streams import stream_answer
from staithe.query.policy import SCOPE_ERASE, SCOPE_READ, SCOPE_SEARCH, Refusal
from staithe.query.ports import EventPublisher
from staithe.query.stage import Hidden, QueryStage
from staithe.query.worker import BoundedWorker

INTERFACE: Final = "api"
_UTF8: Final = "utf-8"


class Handlers:
    """One method per operation, named as in the table of operations."""

    def __init__(
        self, *, stage: QueryStage, queries: RecordedQueries, trail: AuditTrail, publisher: EventPublisher,
        publishing: BoundedWorker, clock: Clock,
    ) -> None:  # fmt: skip
        self._stage, self._queries, self._trail, self._clock = stage, queries, trail, clock
        self._publisher, self._publishing = publisher, publishing

    async def search(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_SEARCH)
        require_accepts(request, JSON)
        asked = await read_body(request, SearchRequest)
        told = await self._queries.search(
            caller, asked.question, limit=asked.limit, interface=INTERFACE, traceparent=traceparent_of(request),
            explain=asked.explain,
        )  # fmt: skip
        return _answer(told.body)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        caller = require_scope(request, SCOPE_SEARCH)
        streamed = wants_events(request)
        asked = await read_body(request, AnswerRequest)
        if asked.mode == "generative" and not self._queries.has_writer:
            raise InvalidBody([fault(("mode",), "no language model is set up here")])

        async def ask() -> Told[AnswerResponse]:
            return await self._queries.answer(
                caller, asked.question, mode=asked.mode, interface=INTERFACE, traceparent=traceparent_of(request),
                explain=asked.explain,
            )  # fmt: skip

        return await stream_answer(request, ask) if streamed else _answer((await ask()).body)

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
            document_version=current.document_version, traceparent=traceparent_of(request),
        )  # fmt: skip
        return _answer(as_json(shown))

    async def content(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_READ)
        require_accepts(request, TEXT)
        current, text = await self._queries.content(
            caller, _document_id(request), interface=INTERFACE, traceparent=traceparent_of(request)
        )
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
            document_version=event.document_version, traceparent=traceparent_of(request),
        )  # fmt: skip
        await self._publishing.run(self._publisher.publish, SUBMITTED_TOPIC, event, _trace_headers(request))
        body = as_json(
            ErasureResponse(document_id=event.document_id, document_version=event.document_version, status="accepted")
        )
        location = f"/v1/documents/{quote(event.document_id, safe='')}/erasure"
        return _answer(body, status=202, headers={"Location": location})

    async def erasure(self, request: web.Request) -> web.Response:
        caller = require_scope(request, SCOPE_ERASE)
        require_accepts(request, JSON)
        current = self._stage.erasure(caller, _document_id(request))
        await self._trail.record_document(
            "document.erasure_inspected", (current.tenant_id, current.document_id), caller=caller,
            document_version=current.document_version, traceparent=traceparent_of(request),
        )  # fmt: skip
        return _answer(as_json(erasure_receipt(current)))


def _document_id(request: web.Request) -> DocumentId:
    """The path's document id; one that no document can have is simply absent."""
    try:
        return document_id(request.match_info["document_id"])
    except InvalidEvent:
        raise Hidden(Refusal.ABSENT) from None


def _answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type=JSON)


def _trace_headers(request: web.Request) -> list[tuple[str, bytes]]:
    traceparent = traceparent_of(request)
    return [("traceparent", traceparent.encode())] if traceparent else []
