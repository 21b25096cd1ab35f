"""`POST /v1/reidentify`: opens reversible pseudonyms for callers with the scope, once that is in the audit log.

The secret never leaves this service. An answer is sent only after the broker has the audit event with its digest; a
refusal is audited too. The log holds how many were opened, by whom as a keyed digest, and no value.
"""

import asyncio
import hashlib
import json
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.kernel.clock import Clock
from staithe.kernel.events import AuditEvent, Outcome
from staithe.kernel.http import caller_of, require_scope
from staithe.kernel.identity.caller import Caller
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import TEXT_CHARACTERS_MAX
from staithe.kernel.problems import Problem
from staithe.kernel.stream.producer import EventPublisher
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.sanitization.pseudonyms import PseudonymKeys, reidentified

SCOPE: Final = "reidentify"
PSEUDONYMS_MAX: Final = 1_000
"""More in one request is no look at a document but a copy of the register."""
_PATH: Final = "/v1/reidentify"


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(max_length=TEXT_CHARACTERS_MAX)


class ReidentifyRoutes:
    """The one route."""

    def __init__(self, keys: PseudonymKeys, publisher: EventPublisher, clock: Clock) -> None:
        self._keys, self._publisher, self._clock = keys, publisher, clock

    def add_to(self, application: web.Application) -> None:
        """Register the route."""
        application.router.add_post(_PATH, self.reidentify)

    async def reidentify(self, request: web.Request) -> web.Response:
        """The given text with every pseudonym of the caller's tenant opened."""
        caller = caller_of(request)
        try:
            require_scope(request, SCOPE)
            given = await _text_of(request)
            text, opened, unknown = reidentified(self._keys, caller.tenant_id, given, limit=PSEUDONYMS_MAX)
        except Problem as problem:
            reason = problem.slug.upper().replace("-", "_")
            await self._audit(caller, Outcome.REFUSED, reason_code=reason)
            raise
        event_id = new_event_id(self._clock.now_ms())
        # The id is random, so the digest in the log cannot be guessed from likely texts.
        body = json.dumps({"text": text, "opened": opened, "unknown": unknown, "audit_event_id": event_id}).encode()
        await self._audit(caller, Outcome.SUCCESS, event_id=event_id, response=body, opened=opened)
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _audit(
        self, caller: Caller, outcome: Outcome, *, reason_code: str = "", event_id: str | None = None,
        response: bytes | None = None, opened: int = 0,
    ) -> None:  # fmt: skip
        now = self._clock.now_ms()
        who = self._keys.digest(caller.tenant_id, b"caller", caller.subject).hex()
        event = AuditEvent(
            event_id=event_id or new_event_id(now), occurred_at=now, service="sanitization",
            action="pseudonyms.opened", outcome=outcome, reason_code=reason_code, tenant_id=caller.tenant_id,
            output_sha256=hashlib.sha256(response).digest() if response is not None else None,
            attributes={"caller_hmac": who, "tier": str(int(caller.tier)), "results": str(opened)},
        )  # fmt: skip
        await asyncio.to_thread(self._publisher.publish, AUDIT_TOPIC, event)


async def _text_of(request: web.Request) -> str:
    try:
        return _Request.model_validate_json(await request.read()).text
    except ValidationError as error:
        raise Problem(422, "body-invalid", 'The body must be {"text": "…"} as JSON and no more.') from error
