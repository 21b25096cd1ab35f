"""What the HTTPS APIs of Staithe share: request ids, bearer tokens, problem details, safe headers, limits.

A handler finds the verified caller with `caller_of(request)`. Every route is guarded unless it is listed as open,
so that a forgotten decorator refuses instead of exposing.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from staithe.kernel.errors import AccessDenied, StaitheError
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.limits import HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX
from staithe.kernel.problems import Handler, Problem, problem_from
from staithe.kernel.telemetry import Logger
from staithe.kernel.tls import server_context

Guard = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""Lets a request through to its handler, or raises Problem."""
TokenOf = Callable[[web.Request], str]
"""The token that a request comes with, empty when there is none; may raise Problem."""
_CALLER: Final = web.RequestKey("caller", Caller)
_STARTED: Final = web.RequestKey("started", web.StreamResponse)
REQUEST_ID: Final = web.RequestKey("request_id", str)
SAFE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Server": "staithe",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
}
DRAIN_SECONDS: Final = 8.0
"""Requests under way at SIGTERM may finish within this; the process must be gone within 10 s."""
CONNECTIONS_MAX: Final = 512
"""Open connections of one process: eight times the requests it works on, and well below its open files."""
HANDSHAKE_SECONDS_MAX: Final = 10.0
"""A handshake is two round trips; who takes longer holds a place open."""


def caller_of(request: web.Request) -> Caller:
    """The verified caller of a guarded request."""
    return request[_CALLER]


def require_scope(request: web.Request, scope: str) -> Caller:
    """The caller, if their token carries `scope`; raises Problem 403 otherwise."""
    caller = caller_of(request)
    if scope not in caller.scopes:
        raise Problem(
            403, "scope-missing", f"The token lacks the scope '{scope}'; ask the issuer for one that has it.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )  # fmt: skip
    return caller


def bearer_token(request: web.Request) -> str:
    """The bearer token of the Authorization header (RFC 6750); empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def api_application(
    *, verifier: TokenVerifier, logger: Logger, open_paths: Collection[str], token_of: TokenOf = bearer_token
) -> web.Application:
    """An application whose every path but `open_paths` needs a valid token, found by `token_of`."""

    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in open_paths:
            token = token_of(request)
            if not token:
                challenge = {"WWW-Authenticate": "Bearer"}
                raise Problem(401, "token-missing", "Send `Authorization: Bearer <token>`.", headers=challenge)
            try:
                request[_CALLER] = await verifier.verify(token, client_certificate(request))
            except AccessDenied as error:
                challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                slug = error.reason_code.lower().replace("_", "-")
                raise Problem(401, slug, f"The token was refused: {error.message}.", headers=challenge) from error
        return await handler(request)

    return guarded_application(guard, logger)


def guarded_application(guard: Guard, logger: Logger) -> web.Application:
    """An application whose every request goes through `guard`, and whose every failure becomes a problem."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        request[REQUEST_ID] = request_id
        try:
            response = await guard(request, handler)
        except Problem as problem:
            response = problem.response(request_id)
        except StaitheError as error:
            log = logger.warning if isinstance(error, AccessDenied) else logger.error
            log("request_failed", request_id=request_id, reason_code=error.reason_code, route=_route(request))
            response = problem_from(error).response(request_id)
        except web.HTTPException as error:
            response = Problem(error.status, f"http-{error.status}", error.reason).response(request_id)
            response.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
        except ConnectionResetError:
            # The caller went away while the answer was sent; nobody is left to tell anything.
            response = Problem(503, "connection-lost", "The connection was lost.").response(request_id)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the caller gets a problem and the log gets the class
            logger.error(
                "request_crashed", request_id=request_id, error_class=type(error).__name__, route=_route(request)
            )
            response = Problem(500, "internal-error", "The request could not be served.").response(request_id)
        return _unless_started(request, response)

    application = web.Application(middlewares=[answer], client_max_size=HTTP_BODY_BYTES_MAX)
    application.on_response_prepare.append(_complete_headers)
    return application


async def _complete_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The last step before the first byte, of a stream too."""
    for name, value in {**SAFE_HEADERS, "X-Request-Id": request.get(REQUEST_ID, "")}.items():
        response.headers.setdefault(name, value)
    # aiohttp has filled in its own name and version by now.
    response.headers["Server"] = SAFE_HEADERS["Server"]
    request[_STARTED] = response


def _unless_started(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """`response`, unless another one has begun: that one is then cut off, which the caller notices."""
    started: web.StreamResponse | None = request.get(_STARTED)
    if started is None or started is response:
        return response
    if request.transport is not None:
        request.transport.abort()
    return started


def _route(request: web.Request) -> str:
    """The route's pattern, never the path: paths carry document ids."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unmatched"


def client_certificate(request: web.Request) -> bytes | None:
    """The client's verified certificate (DER), if it came with one."""
    tls = request.transport and request.transport.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if tls else None


def client_name(request: web.Request) -> str:
    """The one common name in the client's verified certificate; empty when there is none, or several."""
    certificate: Mapping[str, Any] = (request.transport and request.transport.get_extra_info("peercert")) or {}
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else ""


async def serve_https(
    application: web.Application, *, host: str, port: int, certificate_file: Path, private_key_file: Path,
    clients_ca_file: Path | None = None, strangers_too: bool = False,
) -> web.AppRunner:  # fmt: skip
    """Serve over TLS 1.3, where `clients_ca_file` is given to its clients, and with `strangers_too` also to those
    who bring no certificate at all. The caller cleans the runner up.
    """
    runner = web.AppRunner(
        application, access_log=None, max_field_size=HTTP_HEADER_BYTES_MAX, max_line_size=HTTP_HEADER_BYTES_MAX,
        shutdown_timeout=DRAIN_SECONDS, keepalive_timeout=30.0,
    )  # fmt: skip
    await runner.setup()
    context = server_context(certificate_file, private_key_file, clients_ca_file, strangers=strangers_too)
    await _BoundedSite(runner, host, port, ssl_context=context).start()
    return runner


class _BoundedSite(web.TCPSite):
    """A listener that drops connections beyond CONNECTIONS_MAX and those that dawdle over the TLS handshake.

    aiohttp itself closes a connection that has not sent a whole head within the keep-alive time.
    """

    async def start(self) -> None:
        await super(web.TCPSite, self).start()
        server, loop = self._runner.server, asyncio.get_running_loop()
        if server is None:
            raise RuntimeError("the runner is not set up")

        def protocol() -> asyncio.Protocol:
            return server() if len(server.connections) < CONNECTIONS_MAX else _Refuse()

        self._server = await loop.create_server(
            protocol, self._host, self._port, ssl=self._ssl_context, backlog=256,
            ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
        )  # fmt: skip


class _Refuse(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
