"""The evidence of an answer, for the caller who got it or an auditor of the tenant; for all others there is none."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Integrity, Unavailable
from staithe.kernel.events import Outcome
from staithe.kernel.http import caller_of
from staithe.kernel.identity.caller import Caller
from staithe.kernel.problems import Problem
from staithe.query import limits
from staithe.query.audit import AuditTrail
from staithe.query.http.accept import JSON, require_accepts
from staithe.query.http.recorded import traceparent_of
from staithe.query.policy import SCOPE_AUDIT, SCOPE_SEARCH
from staithe.query.ports import INCOMPLETE, EvidenceSource

_TIME_BITS: Final = 80
"""Below the 48 bits of milliseconds in a UUIDv7 (RFC 9562, section 5.7)."""


@dataclass(frozen=True, slots=True)
class _Bundle:
    shown: dict[str, Any]
    tenant_id: str
    caller_hmac: str


class EvidenceHandlers:
    """One method per operation, named as in the table of operations."""

    def __init__(self, source: EvidenceSource, trail: AuditTrail, clock: Clock) -> None:
        self._source, self._trail, self._clock = source, trail, clock

    async def evidence(self, request: web.Request) -> web.Response:
        """Waits a little for the log; 409 while the evidence may still come, 404 when there is none for this caller."""
        caller = _permitted(request)
        require_accepts(request, JSON)
        answer_id = _answer_id(request)
        deadline = self._clock.monotonic() + limits.EVIDENCE_WAIT_SECONDS_MAX
        bundle = await self._look(answer_id)
        # Another's answer is waited for like one that is not there, so that the time tells nothing either.
        while not self._is_for(caller, bundle) and self._is_recent(answer_id) and self._clock.monotonic() < deadline:
            await asyncio.sleep(limits.EVIDENCE_POLL_SECONDS)
            bundle = await self._look(answer_id)
        if bundle is None or not self._is_for(caller, bundle):
            await self._refuse(request, caller, "ABSENT" if bundle is None else "OTHER_CALLER")
            raise self._nothing(answer_id)
        if bundle.caller_hmac == self._trail.caller_hmac(caller):
            bundle.shown["salt"] = self._trail.salt_of(answer_id).hex()
        body = json.dumps(bundle.shown, indent=1, ensure_ascii=False).encode()
        await self._trail.record(
            "evidence.read", caller=caller, response=body, traceparent=traceparent_of(request),
            attributes={"answer_id": answer_id},
        )  # fmt: skip
        return web.Response(body=body, content_type=JSON)

    async def _look(self, answer_id: str) -> _Bundle | None:
        """What the log has of the answer now; None when that is not all yet, or nothing."""
        try:
            document = await self._source.fetch(answer_id)
        except Unavailable as error:
            if error.reason_code != INCOMPLETE:
                raise
            return None
        if document is None:
            return None
        try:
            shown = json.loads(document)
            (entry,) = (each for each in shown["entries"] if each["leaf_index"] == shown["answer"])
            recorded = json.loads(entry["entry"])
            return _Bundle(shown, recorded["tenant_id"], recorded["attributes"]["caller_hmac"])
        except (ValueError, TypeError, KeyError) as error:
            raise Integrity("the audit log sent no evidence", reason_code="EVIDENCE_MALFORMED") from error

    def _is_for(self, caller: Caller, bundle: _Bundle | None) -> bool:
        if bundle is None:
            return False
        own = bundle.caller_hmac == self._trail.caller_hmac(caller)
        return bundle.tenant_id == caller.tenant_id and (own or SCOPE_AUDIT in caller.scopes)

    def _is_recent(self, answer_id: str) -> bool:
        made_ms = uuid.UUID(answer_id).int >> _TIME_BITS
        return abs(self._clock.now_ms() - made_ms) < limits.EVIDENCE_EXPECTED_SECONDS_MAX * 1000

    def _nothing(self, answer_id: str) -> Problem:
        """The same for an answer that is not there and for another's: it depends on the id alone."""
        if self._is_recent(answer_id):
            detail = "The log may not have all of this answer yet; try again."
            return Problem(409, "evidence-incomplete", detail, headers={"Retry-After": "2"})
        return Problem(404, "answer-not-found", "There is no such answer, or it was not given to this caller.")

    async def _refuse(self, request: web.Request, caller: Caller, reason_code: str) -> None:
        await self._trail.record(
            "query.denied", caller=caller, outcome=Outcome.REFUSED, reason_code=reason_code,
            traceparent=traceparent_of(request), attributes={"method": request.method},
        )  # fmt: skip


def _permitted(request: web.Request) -> Caller:
    caller = caller_of(request)
    if not caller.scopes & {SCOPE_SEARCH, SCOPE_AUDIT}:
        detail = (
            f"The token lacks the scopes '{SCOPE_SEARCH}' and '{SCOPE_AUDIT}'; ask the issuer for one that has one."
        )
        raise Problem(403, "scope-missing", detail)
    return caller


def _answer_id(request: web.Request) -> str:
    """The path's id in its one spelling; one that no answer can have is simply absent."""
    text = request.match_info["answer_id"]
    try:
        known = str(uuid.UUID(text)) == text
    except ValueError:
        known = False
    if not known:
        raise Problem(404, "answer-not-found", "There is no such answer, or it was not given to this caller.")
    return text
