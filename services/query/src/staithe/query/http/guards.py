"""What surrounds every request: readiness, concurrency, time, and the record of refusals."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.hdrs import METH_ALL
from aiohttp.typedefs import Middleware

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import Outcome, document_subject
from staithe.kernel.http import caller_of
from staithe.kernel.problems import Handler, Problem
from staithe.kernel.telemetry import Logger, Metrics
from staithe.kernel.vocabulary import DocumentId
from staithe.query import limits
from staithe.query.audit import AuditTrail, traceparent_from
from staithe.query.stage import Hidden

MCP_PATH: Final = "/mcp"
API_PREFIXES: Final = ("/v1/", MCP_PATH)
"""Below these a request may ask for documents."""
NOT_FOUND_DETAIL: Final = "There is no such document, or the token does not permit to see it."


def not_ready_guard(ready: Callable[[], bool]) -> Middleware:
    """503 while the service does not yet know what it may serve."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(API_PREFIXES) and not ready():
            raise Problem(
                503, "not-ready", "The service is still reading which documents are current; try again.",
                headers={"Retry-After": "2"},
            )  # fmt: skip
        return await handler(request)

    return guard


def concurrency_guard(metrics: Metrics) -> Middleware:
    """429 when too many requests are under way, in all or of one caller; a time limit for each."""
    under_way: Counter[tuple[str, str]] = Counter()
    refused = metrics.counter("throttled_requests_total", "Requests refused with 429, by limit.", ("limit",))

    def admit(who: tuple[str, str]) -> None:
        exceeded = ""
        if under_way.total() >= limits.REQUESTS_MAX:
            exceeded = "process"
        elif under_way[who] >= limits.REQUESTS_PER_CALLER_MAX:
            exceeded = "caller"
        if exceeded:
            refused.labels(exceeded).inc()
            raise Problem(
                429, "too-many-requests", "Too many requests are under way; try again.", headers={"Retry-After": "1"}
            )
        under_way[who] += 1

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API_PREFIXES):
            return await handler(request)
        caller = caller_of(request)
        who = (caller.tenant_id, caller.subject)
        admit(who)
        try:
            async with asyncio.timeout(limits.REQUEST_SECONDS_MAX):
                return await handler(request)
        except TimeoutError as error:
            raise Unavailable("the request took too long", reason_code="REQUEST_TIMEOUT") from error
        finally:
            under_way[who] -= 1
            if not under_way[who]:
                del under_way[who]

    return guard


def refusal_guard(trail: AuditTrail) -> Middleware:
    """Every refusal of a known caller is in the audit log before they learn of it.

    Absent and forbidden documents get the same answer after the same work.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Hidden as hidden:
            await record_denial(trail, request, hidden.refusal.value, document_id=request.match_info["document_id"])
            raise Problem(404, "document-not-found", NOT_FOUND_DETAIL) from None
        except Problem as problem:
            if problem.status == 403:
                reason_code = problem.slug.upper().replace("-", "_")
                await record_denial(trail, request, reason_code, document_id=request.match_info.get("document_id"))
            raise

    return guard


async def record_denial(trail: AuditTrail, request: web.Request, reason_code: str, *, document_id: str | None) -> None:
    """Return once the log has it that this caller was refused, of the document if there is one."""
    caller = caller_of(request)
    await trail.record(
        "query.denied", caller=caller, outcome=Outcome.REFUSED, reason_code=reason_code,
        subject_sha256=document_subject(caller.tenant_id, DocumentId(document_id)) if document_id is not None else None,
        traceparent=traceparent_from(request.headers.get("traceparent", "")),
        attributes={"method": _method(request)},
    )  # fmt: skip


def _method(request: web.Request) -> str:
    """The method if HTTP knows it: others are text of the caller's choice."""
    return request.method if request.method in METH_ALL else "OTHER"


class StrangersGuard:
    """Counts requests without a valid token, and puts a bounded number of them into the audit log."""

    def __init__(self, trail: AuditTrail, clock: Clock, metrics: Metrics, logger: Logger) -> None:
        self._trail, self._clock, self._logger = trail, clock, logger
        self._counter = metrics.counter("unauthenticated_requests_total", "Requests answered with 401.")
        self._minute, self._recorded = -1, 0

    def middleware(self) -> Middleware:
        """The outermost middleware: it sees what the token check answered."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if response.status == 401:
                self._counter.inc()
                await self.refused(request, "query.unauthenticated", "UNAUTHENTICATED")
            return response

        return guard

    async def refused(self, request: web.Request, action: str, reason_code: str) -> None:
        """Put it into the audit log, unless strangers have filled their part of it for this minute; never raises."""
        if self._within_budget():
            await self._record(request, action, reason_code)

    def _within_budget(self) -> bool:
        minute = self._clock.now_ms() // 60_000
        if minute != self._minute:
            self._minute, self._recorded = minute, 0
        self._recorded += 1
        return self._recorded <= limits.STRANGERS_AUDITED_PER_MINUTE_MAX

    async def _record(self, request: web.Request, action: str, reason_code: str) -> None:
        try:
            await self._trail.record(
                action, caller=None, outcome=Outcome.REFUSED, reason_code=reason_code,
                attributes={"method": _method(request)},
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - outermost: nothing catches above, and the answer is already made
            # A 401 tells nothing about anything: it may be sent although the log could not take it.
            self._logger.warning("refusal_not_recorded", error_class=type(error).__name__)
