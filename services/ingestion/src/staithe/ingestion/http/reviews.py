"""Routes of the review desk: what is held, and the two people who release it. Ids and reasons, no content."""

import asyncio
from typing import Any, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.ingestion.review import (
    REVIEWED_TOPIC,
    ReviewAuthor,
    Reviewers,
    checked_waiver,
    is_open,
    next_decision,
    pending,
)
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import Outcome
from staithe.kernel.http import require_scope
from staithe.kernel.identity.caller import Caller
from staithe.kernel.problems import Problem
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed
from staithe.kernel.stream.producer import EventPublisher
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.vocabulary import DocumentId, TenantId, document_id

SCOPE = "review"
BODY_BYTES_MAX = 4096
LISTED_MAX = 1000


class HeldDocuments(Protocol):
    """Where each document that met quarantine stands."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentHeld | None: ...

    def newest(self) -> list[DocumentHeld]: ...


class ReviewedDocuments(Protocol):
    """The newest word on each held document."""

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentReviewed | None: ...

    def catch_up(self) -> None:
        """Return when every earlier word has been read; raises Unavailable."""
        ...


class ReviewRequest(BaseModel):
    """The body of a release or a rejection; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document_version: int = Field(ge=1, le=(1 << 53) - 1)
    waive: tuple[str, ...] = Field(default=(), max_length=8)


class ReviewRoutes:
    """GET what is held; POST a release (twice, by two people) or a rejection."""

    def __init__(
        self, publisher: EventPublisher, held: HeldDocuments, reviewed: ReviewedDocuments, *, reviewers: Reviewers,
        author: ReviewAuthor, audit: AuditAuthor,
    ) -> None:  # fmt: skip
        self._publisher, self._held, self._reviewed = publisher, held, reviewed
        self._reviewers, self._author, self._audit = reviewers, author, audit

    def add_to(self, application: web.Application) -> None:
        """Register the routes."""
        application.add_routes(
            [
                web.get("/v1/quarantine", self.list_held),
                web.post("/v1/quarantine/{document_id}/release", self.release),
                web.post("/v1/quarantine/{document_id}/reject", self.reject),
            ]
        )

    async def list_held(self, request: web.Request) -> web.Response:
        """What is held in the caller's tenant and theirs to see, oldest first, at most LISTED_MAX."""
        caller = require_scope(request, SCOPE)
        holds = [each for each in self._held.newest() if is_open(each) and caller.may_see(each.tenant_id, each.access)]
        holds.sort(key=lambda each: each.occurred_at)
        return web.json_response({"held": [self._row(each) for each in holds[:LISTED_MAX]], "count": len(holds)})

    def _row(self, held: DocumentHeld) -> dict[str, Any]:
        word = pending(held, self._reviewed.get(held.tenant_id, held.document_id))
        return {
            "document_id": held.document_id, "document_version": held.document_version,
            "reason_codes": list(held.reason_codes), "held_at": held.occurred_at,
            "release_asked": list(word.waived_reasons) if word and word.decision is Decision.ASKED else None,
        }  # fmt: skip

    async def release(self, request: web.Request) -> web.Response:
        """Ask for a release, or approve the one that another person asked for."""
        caller, held, body = await self._review(request)
        waived, reviewer = checked_waiver(held, body.waive), self._reviewers.of(caller)
        asked = pending(held, self._reviewed.get(held.tenant_id, held.document_id))
        try:
            decision = next_decision(asked, reviewer, waived)
        except Problem:
            await self._record("quarantine.release_refused", held, caller, waived, Outcome.REFUSED)
            raise
        asked_by = asked.asked_by if asked and decision is Decision.RELEASED else reviewer
        decided_by = reviewer if decision is Decision.RELEASED else b""
        review = self._author.review(held, decision, waived=waived, asked_by=asked_by, decided_by=decided_by)
        action = "quarantine.release_approved" if decision is Decision.RELEASED else "quarantine.release_asked"
        return await self._decided(review, held, caller, action)

    async def reject(self, request: web.Request) -> web.Response:
        """Decide that the held version shall never pass."""
        caller, held, body = await self._review(request)
        if body.waive:
            raise Problem(422, "body-invalid", "A rejection waives nothing.")
        word = pending(held, self._reviewed.get(held.tenant_id, held.document_id))
        if word is not None and word.decision is not Decision.ASKED:
            raise Problem(409, "review-decided", "This hold was decided already; its status will follow.")
        review = self._author.review(held, Decision.REJECTED, decided_by=self._reviewers.of(caller))
        return await self._decided(review, held, caller, "quarantine.rejected")

    async def _review(self, request: web.Request) -> tuple[Caller, DocumentHeld, ReviewRequest]:
        caller, body = require_scope(request, SCOPE), await _body(request)
        await asyncio.to_thread(self._reviewed.catch_up)
        held = self._held.get(caller.tenant_id, _document_id(request))
        # A hold that is over, never was, or is not theirs to see: one answer.
        if held is None or not is_open(held, body.document_version) or not caller.may_see(held.tenant_id, held.access):
            raise Problem(404, "not-held", "This version of this document is not held here.")
        return caller, held, body

    async def _decided(self, review: DocumentReviewed, held: DocumentHeld, caller: Caller, action: str) -> web.Response:
        """Durable in the log first, then the word itself: what takes effect was written down."""
        await self._record(action, held, caller, review.waived_reasons, Outcome.SUCCESS)
        await asyncio.to_thread(self._publisher.publish, REVIEWED_TOPIC, review)
        body = {
            "document_id": held.document_id, "document_version": held.document_version,
            "decision": review.decision.value, "waived_reasons": list(review.waived_reasons),
        }  # fmt: skip
        return web.json_response(body, status=202)

    async def _record(
        self, action: str, held: DocumentHeld, caller: Caller, waived: tuple[str, ...], outcome: Outcome
    ) -> None:
        attributes = {"caller_hmac": self._reviewers.of(caller).hex()}
        if waived:
            attributes["waived_reasons"] = ",".join(waived)
        audit = self._audit.about_document(
            action, held, outcome=outcome, reason_code="" if outcome is Outcome.SUCCESS else "REVIEW_REFUSED",
            attributes=attributes,
        )  # fmt: skip
        await asyncio.to_thread(self._publisher.publish, AUDIT_TOPIC, audit)


async def _body(request: web.Request) -> ReviewRequest:
    content = await request.content.read(BODY_BYTES_MAX + 1)
    if len(content) > BODY_BYTES_MAX:
        raise Problem(413, "body-too-large", f"The body may have at most {BODY_BYTES_MAX} bytes.")
    try:
        return ReviewRequest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(422, "body-invalid", f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}.") from error


def _document_id(request: web.Request) -> DocumentId:
    try:
        return document_id(request.match_info["document_id"])
    except InvalidEvent as error:
        raise Problem(422, "document-id-malformed", error.message) from error
