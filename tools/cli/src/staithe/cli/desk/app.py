"""Joins the desk's pages into one application. Pages block on Kafka and files, so one at a time runs on a thread."""

import asyncio
import json
from collections.abc import Callable, Set
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from staithe.cli.desk import documents, letters, log, policy, quarantine
from staithe.cli.desk.frame import fault
from staithe.cli.desk.guard import BODY_BYTES_MAX, Session, go_on, guard
from staithe.cli.desk.pipeline import Pipeline
from staithe.cli.local import LocalStack
from staithe.kernel.errors import StaitheError
from staithe.kernel.problems import Handler

_TYPES: Final = {"/desk.css": "text/css", "/icon.svg": "image/svg+xml", "/live.js": "text/javascript"}


class Desk:
    """The handlers. `reviewer` is who releases and rejects, by a development token."""

    def __init__(self, stack: LocalStack, reviewer: str) -> None:
        self._stack, self._reviewer = stack, reviewer
        self._pipeline, self._one_at_a_time = Pipeline(stack), asyncio.Lock()
        self.session = Session()

    def application(self, hosts: Set[str]) -> web.Application:
        """The whole desk, for requests to one of `hosts`, which are known once it listens."""
        application = web.Application(middlewares=[guard(self.session, hosts)], client_max_size=BODY_BYTES_MAX)
        application.add_routes(
            [
                web.get("/", self._shows("/", lambda _: self._pipeline.show())),
                web.get("/pipeline.json", self._fresh),
                web.get("/documents", self._shows("/documents", self._documents)),
                web.get("/documents/{tenant}/{document}", self._shows("/documents", self._journey)),
                web.get("/quarantine", self._shows("/quarantine", self._holds)),
                web.get("/quarantine/{tenant}/{document}", self._shows("/quarantine", self._hold)),
                web.post("/quarantine/{tenant}/{document}", self._acts("/quarantine", self._decide)),
                web.get("/letters", self._shows("/letters", lambda r: letters.show_list(self._stack, _query(r)))),
                web.get("/letters/{letter}", self._shows("/letters", self._letter)),
                web.post("/letters/{letter}", self._acts("/letters", self._settle)),
                web.get("/audit", self._shows("/audit", lambda request: log.show(self._stack, _query(request)))),
                web.get("/policy", self._shows("/policy", lambda _: policy.show(self.session, {}))),
                web.post("/policy", self._try),
                *(web.get(path, _file(path)) for path in _TYPES),
            ]
        )
        return application

    def _documents(self, request: web.Request) -> str:
        asked = _query(request)
        return documents.show_list(self._stack, asked.get("tenant", ""), asked.get("id", ""))

    def _journey(self, request: web.Request) -> str:
        return documents.show_journey(self._stack, request.match_info["tenant"], request.match_info["document"])

    def _holds(self, request: web.Request) -> str:
        return quarantine.show_list(self._stack, _query(request).get("told", ""))

    def _hold(self, request: web.Request) -> str:
        tenant, document = request.match_info["tenant"], request.match_info["document"]
        return quarantine.show_one(self._stack, self.session, self._reviewer, tenant, document)

    def _decide(self, request: web.Request, form: dict[str, str]) -> str:
        tenant, document = request.match_info["tenant"], request.match_info["document"]
        return quarantine.decide(self._stack, self._reviewer, tenant, document, form)

    def _letter(self, request: web.Request) -> str:
        return letters.show_one(self._stack, self.session, request.match_info["letter"])

    def _settle(self, request: web.Request, form: dict[str, str]) -> str:
        return letters.settle(self._stack, request.match_info["letter"], form)

    async def _try(self, request: web.Request) -> web.Response:
        form = await _form(request)
        return await self._page("/policy", lambda: policy.show(self.session, form))

    async def _fresh(self, _: web.Request) -> web.Response:
        async with self._one_at_a_time:
            try:
                fresh = await asyncio.to_thread(self._pipeline.fresh)
            except StaitheError as error:
                return web.json_response({"reason_code": error.reason_code}, status=503)
        return web.Response(body=json.dumps(fresh).encode(), content_type="application/json")

    def _shows(self, path: str, show: Callable[[web.Request], str]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            return await self._page(path, lambda: show(request))

        return handler

    def _acts(self, path: str, act: Callable[[web.Request, dict[str, str]], str]) -> Handler:
        """A form's handler: after the act the browser goes on elsewhere, so that reloading repeats nothing."""

        async def handler(request: web.Request) -> web.StreamResponse:
            form = await _form(request)
            async with self._one_at_a_time:
                try:
                    target = await asyncio.to_thread(act, request, form)
                except StaitheError as error:
                    return _html(fault(error.message, error.reason_code, path), status=409)
            return go_on(target)

        return handler

    async def _page(self, path: str, show: Callable[[], str]) -> web.Response:
        async with self._one_at_a_time:
            try:
                return _html(await asyncio.to_thread(show))
            except StaitheError as error:
                return _html(fault(error.message, error.reason_code, path), status=409)


def _html(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _query(request: web.Request) -> dict[str, str]:
    return {name: value.strip() for name, value in parse_qsl(request.query_string)}


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _file(path: str) -> Handler:
    content = (files("staithe.cli.desk") / path[1:]).read_bytes()

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=_TYPES[path], charset="utf-8")

    return handler
