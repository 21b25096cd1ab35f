"""`/mcp`: streamable HTTP without sessions. Each POST is one message under the caller's own token, answered as JSON."""

import json
from typing import Final

import mcp_types as types
from aiohttp import web

from staithe.kernel.errors import StaitheError
from staithe.kernel.http import caller_of, require_scope
from staithe.kernel.problems import Problem, problem_from
from staithe.kernel.telemetry import Logger
from staithe.kernel.vocabulary import DocumentId
from staithe.query.audit import AuditTrail
from staithe.query.http.accept import JSON, require_accepts
from staithe.query.http.bodies import read_bytes, require_json
from staithe.query.http.guards import MCP_PATH, NOT_FOUND_DETAIL, record_denial
from staithe.query.http.mcp.discovery import origin_of
from staithe.query.http.mcp.protocol import (
    METHOD_HEADER,
    NAME_HEADER,
    VERSION_HEADER,
    Offer,
    Reply,
    RpcError,
    error_reply,
    reply_to,
)
from staithe.query.http.mcp.tools import TOOLS, Call, ToolRoom, failed
from staithe.query.http.recorded import RecordedQueries, traceparent_of
from staithe.query.stage import Hidden

_HEADERS: Final = (VERSION_HEADER, METHOD_HEADER, NAME_HEADER)


class McpEndpoint:
    """Answers the messages of one installation's MCP clients."""

    def __init__(self, queries: RecordedQueries, trail: AuditTrail, logger: Logger) -> None:
        self._room, self._trail, self._logger = ToolRoom(queries), trail, logger
        self._tools = {tool.name: tool for tool in TOOLS}
        self._shown = {tool.name: tool.shown() for tool in TOOLS}

    async def post_message(self, request: web.Request) -> web.Response:
        """One message; raises Problem for what is wrong with the HTTP request, and 403 for a tool without its scope."""
        _require_own_origin(request)
        require_accepts(request, JSON)
        require_json(request)
        try:
            message = json.loads(await read_bytes(request))
        except (ValueError, RecursionError):
            return _sent(error_reply(None, RpcError(types.PARSE_ERROR, "the body is not valid JSON in UTF-8"), 400))
        caller = caller_of(request)
        visible = tuple(self._shown[tool.name] for tool in TOOLS if tool.scope in caller.scopes)
        headers = {name: request.headers[name] for name in _HEADERS if len(request.headers.getall(name, [])) == 1}

        async def run(asked: types.CallToolRequestParams) -> types.CallToolResult:
            return await self._run(request, asked)

        return _sent(await reply_to(message, headers, Offer(visible, run)))

    async def _run(self, request: web.Request, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(asked.name)
        if tool is None:
            raise RpcError(types.INVALID_PARAMS, "there is no such tool; tools/list names those there are")
        caller, arguments = require_scope(request, tool.scope), asked.arguments or {}
        try:
            return await self._room.run(tool, arguments, Call(caller, traceparent_of(request)))
        except Hidden as hidden:
            wanted = DocumentId(str(arguments.get("document_id", "")))
            await record_denial(self._trail, request, hidden.refusal.value, document_id=wanted)
            return failed(NOT_FOUND_DETAIL)
        except StaitheError as error:
            self._logger.error("request_failed", reason_code=error.reason_code, route=MCP_PATH)
            return failed(problem_from(error).detail)


def _require_own_origin(request: web.Request) -> None:
    """A web page of another origin is refused (the specification asks for it): there is no use for one here."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != origin_of(request):
        raise Problem(403, "origin-refused", "Pages of other origins may not call this.")


def _sent(reply: Reply) -> web.Response:
    if reply.body is None:
        return web.Response(status=reply.status)
    body = json.dumps(reply.body, separators=(",", ":")).encode()
    # Escapes all but ASCII: the id is echoed, and JSON can spell characters that UTF-8 cannot.
    return web.Response(body=body, status=reply.status, content_type=JSON)
