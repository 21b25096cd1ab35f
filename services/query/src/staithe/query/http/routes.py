"""Joins handlers and guards into the web application."""

import json
from collections.abc import Callable
from typing import Final

from aiohttp import web

from staithe.kernel.clock import Clock
from staithe.kernel.health import Health
from staithe.kernel.http import api_application, bearer_token
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.telemetry import Logger, Metrics
from staithe.query.audit import AuditTrail
from staithe.query.http.accept import JSON
from staithe.query.http.chat import CHAT_ERRORS, ChatHandlers
from staithe.query.http.console import CONSOLE_PATHS, console_routes
from staithe.query.http.evidence import EvidenceHandlers
from staithe.query.http.guards import StrangersGuard, concurrency_guard, not_ready_guard, refusal_guard
from staithe.query.http.handlers import Handlers
from staithe.query.http.mcp.discovery import METADATA_PATH, challenge_with_metadata, resource_metadata
from staithe.query.http.mcp.endpoint import McpEndpoint
from staithe.query.http.openapi import openapi_document
from staithe.query.http.operations import OPERATIONS
from staithe.query.http.page import POLICY, page
from staithe.query.http.rates import RateLimiter, rate_guard, tell_rates
from staithe.query.http.sign_in.routes import SESSION_PATH, SIGN_IN_PATHS, SignIn, SignInHandlers, no_provider

OPEN_PATHS: Final = ("/openapi.json", "/docs", METADATA_PATH, "/livez", "/readyz", *CONSOLE_PATHS, *SIGN_IN_PATHS)
"""What needs no token. Metrics are not among them: they are on the health port only."""


def query_application(
    *, handlers: Handlers, chat: ChatHandlers, mcp: McpEndpoint, evidence: EvidenceHandlers,
    trail: AuditTrail, verifier: TokenVerifier,
    issuer_url: str, ready: Callable[[], bool], health: Health, limiter: RateLimiter, metrics: Metrics,
    clock: Clock, logger: Logger, sign_in: SignIn | None = None,
) -> web.Application:  # fmt: skip
    """The whole HTTPS interface: every path but OPEN_PATHS needs a token, or the console's session."""
    token_of = sign_in.sessions.token_of if sign_in else bearer_token
    application = api_application(verifier=verifier, logger=logger, open_paths=OPEN_PATHS, token_of=token_of)
    strangers = StrangersGuard(trail, clock, metrics, logger)
    application.middlewares[0:0] = [challenge_with_metadata, CHAT_ERRORS, strangers.middleware()]
    guards = [rate_guard(limiter, metrics), concurrency_guard(metrics), not_ready_guard(ready), refusal_guard(trail)]
    application.middlewares.extend(guards)
    tell_rates(application, limiter)
    for operation in OPERATIONS:
        room = next(each for each in (handlers, chat, mcp, evidence) if hasattr(each, operation.name))
        application.router.add_route(operation.method, operation.path, getattr(room, operation.name))
    described = openapi_document()
    as_json, as_page = json.dumps(described).encode(), page(described)

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=as_json, content_type=JSON)

    async def docs(_: web.Request) -> web.Response:
        return web.Response(text=as_page, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    application.router.add_get("/openapi.json", openapi)
    application.router.add_get("/docs", docs)
    application.add_routes(console_routes())
    if sign_in is None:
        application.router.add_get(SESSION_PATH, no_provider)
    else:
        application.add_routes(SignInHandlers(sign_in, verifier, trail, strangers, clock).routes())
    application.router.add_get(METADATA_PATH, resource_metadata(issuer_url))
    application.add_routes([each for each in health.routes() if each.path in OPEN_PATHS])
    return application
