"""JSON-RPC 2.0 messages of the Model Context Protocol: what a posted message asks for, and what answers it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import mcp_types as types
from mcp_types import methods
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from pydantic import BaseModel, ValidationError

from staithe.kernel.version import code_version
from staithe.query.http.mcp.tools import INSTRUCTIONS

HANDSHAKE_VERSIONS: Final = ("2025-06-18", LATEST_HANDSHAKE_VERSION)
"""Those that begin with `initialize`. Older ones need batches or another transport."""
MODERN_VERSIONS: Final = (LATEST_MODERN_VERSION,)
"""Those whose every request says its version."""
VERSION_HEADER: Final = "MCP-Protocol-Version"
METHOD_HEADER: Final = "Mcp-Method"
NAME_HEADER: Final = "Mcp-Name"
_CAPABILITIES: Final = types.ServerCapabilities(tools=types.ToolsCapability(list_changed=False))
_STATUSES: Final[Mapping[int, int]] = {
    types.PARSE_ERROR: 400, types.INVALID_REQUEST: 400, types.INVALID_PARAMS: 400, types.HEADER_MISMATCH: 400,
    types.UNSUPPORTED_PROTOCOL_VERSION: 400, types.METHOD_NOT_FOUND: 404,
}  # fmt: skip
"""HTTP statuses of errors in revisions without a handshake; older ones answer 200 to a request that was understood."""

Run = Callable[[types.CallToolRequestParams], Awaitable[types.CallToolResult]]


class RpcError(Exception):
    """An answer that is an error of the protocol; `words` never quote the message."""

    def __init__(self, code: int, words: str, *, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.code, self.words, self.detail = code, words, detail


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send: no body for a message that wants no answer."""

    status: int
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the caller is offered: the tools their token permits, and how to run one."""

    tools: tuple[types.Tool, ...]
    run: Run


async def reply_to(message: object, headers: Mapping[str, str], offer: Offer) -> Reply:
    """The answer to one posted message; raises what `offer.run` raises."""
    if not isinstance(message, dict) or message.get("jsonrpc") != types.JSONRPC_VERSION:
        return error_reply(None, RpcError(types.INVALID_REQUEST, "the body must be one JSON-RPC 2.0 message"), 400)
    modern = headers.get(VERSION_HEADER, "") in MODERN_VERSIONS
    if "id" not in message or "method" not in message:
        # A notification, or an answer to a question we never asked: taken, and of no consequence.
        return Reply(202)
    try:
        request = types.JSONRPCRequest.model_validate(message)
    except ValidationError:
        return error_reply(None, RpcError(types.INVALID_REQUEST, "the request is not well-formed"), 400)
    try:
        version = _modern_version(request, headers) if modern else _handshake_version(request, headers)
        result = await _result(request, version, offer)
    except RpcError as error:
        old = 400 if error.code == types.UNSUPPORTED_PROTOCOL_VERSION else 200
        return error_reply(request.id, error, _STATUSES.get(error.code, 200) if modern else old)
    return Reply(200, {"jsonrpc": types.JSONRPC_VERSION, "id": request.id, "result": result})


def error_reply(request_id: int | str | None, error: RpcError, status: int) -> Reply:
    """An error as JSON-RPC has it; `request_id` is None where the message had none that could be read."""
    told: dict[str, Any] = {"code": error.code, "message": error.words}
    if error.detail is not None:
        told["data"] = dict(error.detail)
    return Reply(status, {"jsonrpc": types.JSONRPC_VERSION, "id": request_id, "error": told})


def _handshake_version(request: types.JSONRPCRequest, headers: Mapping[str, str]) -> str:
    """The version of a request that the client agreed on before; `initialize` itself is read as the newest."""
    if request.method == "initialize":
        return LATEST_HANDSHAKE_VERSION
    version = headers.get(VERSION_HEADER, "")
    if version not in HANDSHAKE_VERSIONS:
        raise _unsupported(version, (*HANDSHAKE_VERSIONS, *MODERN_VERSIONS))
    return version


def _modern_version(request: types.JSONRPCRequest, headers: Mapping[str, str]) -> str:
    """The version that a request says of itself; body and headers must agree, for proxies read the headers."""
    params = request.params or {}
    meta = params.get("_meta")
    wanted = (types.PROTOCOL_VERSION_META_KEY, types.CLIENT_CAPABILITIES_META_KEY)
    if not isinstance(meta, dict) or any(key not in meta for key in wanted):
        raise RpcError(types.INVALID_PARAMS, f"params._meta must have {wanted[0]} and {wanted[1]}")
    version = headers[VERSION_HEADER]
    if meta[types.PROTOCOL_VERSION_META_KEY] != version:
        raise RpcError(types.HEADER_MISMATCH, f"{VERSION_HEADER} is not the version in params._meta")
    if headers.get(METHOD_HEADER) != request.method:
        raise RpcError(types.HEADER_MISMATCH, f"{METHOD_HEADER} is not the method")
    if request.method == "tools/call" and headers.get(NAME_HEADER) != params.get("name"):
        # Our tools' names are plain words, so the encoded form of the header never equals one.
        raise RpcError(types.HEADER_MISMATCH, f"{NAME_HEADER} is not params.name")
    return version


def _unsupported(version: str, supported: tuple[str, ...]) -> RpcError:
    detail = {"supported": list(supported), "requested": version if version.isascii() and len(version) <= 32 else ""}
    return RpcError(types.UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", detail=detail)


async def _result(request: types.JSONRPCRequest, version: str, offer: Offer) -> dict[str, Any]:
    try:
        parsed = methods.parse_client_request(request.method, version, request.params)
    except KeyError:
        raise RpcError(types.METHOD_NOT_FOUND, "there is no such method here") from None
    except ValidationError:
        raise RpcError(types.INVALID_PARAMS, "params do not have the form that the method has") from None
    match parsed:
        case types.InitializeRequest():
            result: BaseModel = _initialized(parsed.params.protocol_version)
        case types.DiscoverRequest():
            result = types.DiscoverResult(
                supported_versions=list(MODERN_VERSIONS), capabilities=_CAPABILITIES, instructions=INSTRUCTIONS
            )
        case types.ListToolsRequest():
            result = types.ListToolsResult(tools=list(offer.tools))
        case types.CallToolRequest():
            result = await offer.run(parsed.params)
        case types.PingRequest():
            result = types.EmptyResult()
        case _:
            raise RpcError(types.METHOD_NOT_FOUND, "there is no such method here")
    told = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    if version in MODERN_VERSIONS:
        told["_meta"] = {
            types.SERVER_INFO_META_KEY: _server().model_dump(mode="json", by_alias=True, exclude_none=True)
        }
    return methods.serialize_server_result(request.method, version, told)


@cache
def _server() -> types.Implementation:
    return types.Implementation(name="staithe", title="Staithe", version=code_version("query"))


def _initialized(asked: str) -> types.InitializeResult:
    """The version asked for if we have it, else our newest: the client goes away when it cannot speak that."""
    return types.InitializeResult(
        protocol_version=asked if asked in HANDSHAKE_VERSIONS else LATEST_HANDSHAKE_VERSION,
        capabilities=_CAPABILITIES, server_info=_server(), instructions=INSTRUCTIONS,
    )  # fmt: skip
