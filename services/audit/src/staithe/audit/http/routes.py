"""The log over HTTPS: the files of C2SP tlog-tiles as they are, and the evidence of answers.

Mutual TLS: the common name of the client's certificate is a reader, and topology.yaml says what each reader may ask.
No token and no issuer: the audit service needs to know nothing about people.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, TypeVar

from aiohttp import web

from staithe.audit.limits import READS_WAITING_MAX
from staithe.audit.published import PublishedLog
from staithe.kernel.errors import Unavailable
from staithe.kernel.http import client_name, guarded_application
from staithe.kernel.problems import Handler, Problem
from staithe.kernel.telemetry import Logger, Metrics

Right = Literal["log", "evidence"]
"""`log`: every file of the log. `evidence`: the entries around one answer, for who knows its id."""

_FOR_EVER: Final = "max-age=31536000, immutable"
_TEXT: Final = "text/plain"
_BYTES: Final = "application/octet-stream"
Result = TypeVar("Result")


class LogPages:
    """The handlers; all reading is done by one thread, in turn."""

    def __init__(self, published: PublishedLog, readers: Mapping[str, frozenset[Right]], metrics: Metrics) -> None:
        self._published, self._readers = published, readers
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._waiting = 0
        self._reads = metrics.counter(
            "reads_total", "Requests for the log, by reader and result.", ("reader", "result")
        )

    def application(self, logger: Logger) -> web.Application:
        """The web application; every path needs a client certificate with the right for it."""
        application = guarded_application(self._guard, logger)
        application.add_routes(
            [
                web.get("/checkpoint", self.checkpoint),
                web.get("/tile/{rest:.+}", self.tile),
                web.get("/evidence/{answer_id}", self.evidence),
            ]
        )
        return application

    async def checkpoint(self, request: web.Request) -> web.Response:
        """The signed checkpoint, never cached."""
        self._require(request, "log")
        note = await self._read(self._published.checkpoint)
        return web.Response(body=note, content_type=_TEXT, charset="utf-8")

    async def tile(self, request: web.Request) -> web.Response:
        """A tile or bundle of a published checkpoint; it never changes."""
        self._require(request, "log")
        path = request.path.removeprefix("/")
        content = await self._read(lambda: self._published.tile(path))
        if content is None:
            raise Problem(404, "tile-not-found", "No published checkpoint has this tile.")
        return web.Response(body=content, content_type=_BYTES, headers={"Cache-Control": _FOR_EVER})

    async def evidence(self, request: web.Request) -> web.Response:
        """The evidence of an answer; 404 while the log does not have it, 409 while it lacks a step of it."""
        self._require(request, "evidence")
        answer_id = request.match_info["answer_id"]
        try:
            bundle = await self._read(lambda: self._published.evidence(answer_id))
        except Unavailable as error:
            if error.reason_code != "EVIDENCE_INCOMPLETE":
                raise
            raise Problem(409, "evidence-incomplete", error.message, headers={"Retry-After": "2"}) from error
        if bundle is None:
            raise Problem(404, "answer-not-found", "The log has no such answer, or not yet.")
        return web.Response(body=bundle.encode(), content_type="application/json")

    def close(self) -> None:
        """Finish the reading under way."""
        self._worker.submit(self._published.close)
        self._worker.shutdown(wait=True)

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        reader = client_name(request)
        name = reader if reader in self._readers else "stranger"
        try:
            response = await handler(request)
        except Problem as problem:
            self._reads.labels(name, str(problem.status)).inc()
            raise
        self._reads.labels(name, str(response.status)).inc()
        return response

    def _require(self, request: web.Request, right: Right) -> None:
        if right not in self._readers.get(client_name(request), frozenset()):
            raise Problem(
                403, "right-missing", "This certificate's name may not read this; topology.yaml says who may."
            )

    async def _read(self, function: Callable[[], Result]) -> Result:
        if self._waiting >= READS_WAITING_MAX:
            raise Problem(
                429, "too-many-requests", "Too many requests are waiting; try again.", headers={"Retry-After": "1"}
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, function)
        finally:
            self._waiting -= 1
