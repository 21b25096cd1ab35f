"""Problem details for HTTP APIs (RFC 9457), made at the edge from our own errors.

Inside, errors are exact; outside, a body says what the caller can do and nothing about what exists.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from staithe.kernel.errors import AccessDenied, InvalidEvent, StaitheError, Unavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_TITLES: Final = {
    400: "Malformed request", 401: "Authentication required", 403: "Not permitted", 404: "Not found",
    405: "Method not allowed", 406: "Not acceptable", 409: "Conflict", 413: "Too large", 415: "Unsupported media type",
    422: "Not processable", 429: "Too many requests", 500: "Internal error", 503: "Not available now",
}  # fmt: skip


class Problem(Exception):
    """An answer other than success; `slug` names it for machines and never changes."""

    def __init__(self, status: int, slug: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(slug)
        self.status, self.slug, self.detail, self.headers = status, slug, detail, headers or {}

    def response(self, request_id: str) -> web.Response:
        """The RFC 9457 body."""
        body: dict[str, Any] = {
            "type": f"urn:staithe:problem:{self.slug}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id}",
        }
        return web.Response(
            body=json.dumps(body).encode(),
            status=self.status,
            headers=self.headers,
            content_type="application/problem+json",
        )


def problem_from(error: StaitheError) -> Problem:
    """The outside's view of an inside failure."""
    slug = error.reason_code.lower().replace("_", "-")
    if isinstance(error, InvalidEvent):
        status = {"DOCUMENT_TOO_LARGE": 413, "CONTENT_TYPE_UNSUPPORTED": 415}.get(error.reason_code, 422)
        return Problem(status, slug, error.message)
    if isinstance(error, AccessDenied):
        return Problem(403, slug, "The service was not permitted to do this.")
    if isinstance(error, Unavailable):
        return Problem(503, "unavailable", "A dependency cannot answer now; try again.", headers={"Retry-After": "5"})
    return Problem(500, "internal-error", "The request could not be served; the reason is in the service's log.")
