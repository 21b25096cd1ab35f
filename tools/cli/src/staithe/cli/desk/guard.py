"""Who may use the desk: the browser that came with the address's key, from this machine, and no page of another site.

The desk has the operator's rights, so it listens on loopback only and trusts nothing that any site could send there: a
foreign Host (DNS rebinding), a request without the session's cookie, a form without its token.
"""

import hmac
import secrets
from collections.abc import Set
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from staithe.cli.console import err
from staithe.cli.desk.frame import page
from staithe.cli.desk.markup import Html, element
from staithe.kernel.problems import Handler

COOKIE: Final = "staithe_desk"
ENTRY: Final = "/enter"
FILES: Final = frozenset({"/desk.css", "/icon.svg", "/live.js"})
FORM_FIELD: Final = "sent_by"
BODY_BYTES_MAX: Final = 256 * 1024
"""The longest form is a text of 20,000 characters to try a policy on."""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}  # fmt: skip


def go_on(target: str) -> web.Response:
    """Send the browser on, to be asked for with GET."""
    return web.Response(status=303, headers={"Location": target})


class Session:
    """One run of the desk: what its address, its cookie and its forms prove."""

    def __init__(self) -> None:
        self.key, self._cookie, self._token = (secrets.token_urlsafe(32) for _ in range(3))

    def hidden_token(self) -> Html:
        """What a form of ours carries."""
        return element("input", type="hidden", name=FORM_FIELD, value=self._token)

    def enter(self, request: web.Request) -> web.StreamResponse:
        """Trade the address's key for the cookie."""
        if not hmac.compare_digest(request.query.get("key", "").encode(), self.key.encode()):
            return _refused("This address is not of this run of the desk.")
        response = go_on("/")
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")
        return response

    def knows(self, request: web.Request) -> bool:
        """Whether the request has the cookie."""
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode())

    async def sent_by_us(self, request: web.Request) -> bool:
        """Whether a form is one of ours, sent from a page of ours."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return False
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            return False
        given = str((await request.post()).get(FORM_FIELD, ""))
        return hmac.compare_digest(given.encode(), self._token.encode())


def guard(session: Session, hosts: Set[str]) -> Middleware:
    """The one middleware: every response has HEADERS, every page needs the session."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _guarded(session, hosts, request, handler)
        response.headers.update(HEADERS)
        return response

    return middleware


async def _guarded(session: Session, hosts: Set[str], request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.host not in hosts:
        return _refused("Another name than this machine's own was used for it.")
    if request.path == ENTRY and request.method == "GET":
        return session.enter(request)
    if request.path not in FILES and not session.knows(request):
        return _refused("Open the address that `staithe desk` printed; it is good for one run.")
    if request.method == "POST" and not await session.sent_by_us(request):
        return _refused("This form was not sent from a page of this desk.")
    return await _answered(request, handler)


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        text = page("Not found", "", element("p", "There is no such page."))
        return web.Response(text=text, content_type="text/html", status=error.status)
    except Exception as error:  # noqa: BLE001 - the edge: its class is told, never its words, which may be content
        err.print(f"[red]a page could not be made: {type(error).__name__}[/]")
        text = page("Not now", "", element("p", "This page could not be made; the terminal of the desk says why."))
        return web.Response(text=text, content_type="text/html", status=500)


def _refused(words: str) -> web.Response:
    return web.Response(
        text=page("Not yours", "", element("p", words)), content_type="text/html", status=403
    )  # fmt: skip
