"""Routes of the upload API: 202 only after every in-sync replica has the document."""

import asyncio
import uuid
from dataclasses import replace
from typing import Protocol, TypeVar

from aiohttp import web

from staithe.ingestion.http.request import Bodies, labels_of, submission
from staithe.ingestion.http.status import status_of
from staithe.ingestion.policy import check_submitted
from staithe.ingestion.submission import ClaimedObjects, SizeLimits, checked_in, sealed
from staithe.kernel.clock import Clock
from staithe.kernel.crypto.sealing import Sealer
from staithe.kernel.errors import Erased, InvalidEvent
from staithe.kernel.events import DocumentCurrent, DocumentSubmitted
from staithe.kernel.http import require_scope
from staithe.kernel.problems import Problem
from staithe.kernel.stopped import DocumentHeld, DocumentRefused
from staithe.kernel.stream.producer import EventPublisher
from staithe.kernel.vocabulary import DocumentId, TenantId, document_id

SUBMITTED_TOPIC = "documents.submitted.v1"


EventOf_co = TypeVar("EventOf_co", covariant=True)


class Newest(Protocol[EventOf_co]):
    """The newest event of one kind about each document."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> EventOf_co | None: ...


class WhereDocumentsAre(Protocol):
    """What is served, what is held, and what lies among the dead letters."""

    @property
    def current(self) -> Newest[DocumentCurrent]: ...
    @property
    def held(self) -> Newest[DocumentHeld]: ...
    @property
    def refused(self) -> Newest[DocumentRefused]: ...


class UploadRoutes:
    """POST and PUT documents, and GET their status."""

    def __init__(
        self, publisher: EventPublisher, where: WhereDocumentsAre, *, sealer: Sealer, objects: ClaimedObjects,
        limits: SizeLimits, content_types: frozenset[str], clock: Clock,
    ) -> None:  # fmt: skip
        self._publisher, self._where, self._sealer = publisher, where, sealer
        self._objects, self._limits = objects, limits
        self._content_types, self._clock = content_types, clock
        self._bodies = Bodies()

    def add_to(self, application: web.Application) -> None:
        """Register the routes."""
        application.add_routes(
            [
                web.post("/v1/documents", self.post),
                web.put("/v1/documents/{document_id}", self.put),
                web.get("/v1/documents/{document_id}/status", self.status),
            ]
        )

    async def post(self, request: web.Request) -> web.Response:
        """Accept a new document under an id of our making."""
        return await self._accept(request, DocumentId(str(uuid.uuid4())))

    async def put(self, request: web.Request) -> web.Response:
        """Accept a document, or its new version, under the id in the path."""
        return await self._accept(request, _document_id(request))

    async def status(self, request: web.Request) -> web.Response:
        """Where the newest version is. Absent, not yet indexed and not permitted look the same."""
        caller, document = require_scope(request, "publish"), _document_id(request)
        key, where = (caller.tenant_id, document), self._where
        body = status_of(caller, where.current.get(*key), where.held.get(*key), where.refused.get(*key))
        return web.json_response({"document_id": document, **body})

    async def _accept(self, request: web.Request, document: DocumentId) -> web.Response:
        caller = require_scope(request, "publish")
        if request.content_type not in self._content_types:
            known = ", ".join(sorted(self._content_types))
            raise Problem(415, "content-type-unsupported", f"Content-Type must be one of {known}.")
        labels, bytes_max = labels_of(request), self._limits.document_bytes_max(caller.tenant_id)
        async with self._bodies.read(request, bytes_max) as content:
            event = submission(
                caller, document, labels, content_type=request.headers["Content-Type"], content=content,
                now_ms=self._clock.now_ms(),
            )  # fmt: skip
            try:
                access = check_submitted(event, now_ms=self._clock.now_ms(), content_bytes_max=bytes_max)
            except InvalidEvent as error:
                raise Problem(422, error.reason_code.lower().replace("_", "-"), error.message) from error
            await asyncio.to_thread(self._publish, replace(event, access=access))
        location = f"/v1/documents/{document}/status"
        body = {"document_id": document, "document_version": event.document_version, "status": location}
        return web.json_response(body, status=202, headers={"Location": location})

    def _publish(self, event: DocumentSubmitted) -> None:
        try:
            event = sealed(event, self._sealer)
        except Erased as error:
            raise Problem(
                409, "document-erased", "This version of the document was erased; send a higher version."
            ) from error
        except InvalidEvent as error:
            raise Problem(
                403, "tenant-unknown", "The token's tenant is not set up here; ask the operator to add it."
            ) from error
        # The object first: an event must never claim what is not there. An object without its event ages out.
        self._publisher.publish(SUBMITTED_TOPIC, checked_in(event, self._objects))


def _document_id(request: web.Request) -> DocumentId:
    try:
        return document_id(request.match_info["document_id"])
    except InvalidEvent as error:
        raise Problem(422, "document-id-malformed", error.message) from error
