"""The console: a page with its style and scripts, read from the package, under a policy that lets nothing else in."""

from importlib.resources import files
from typing import Final

from aiohttp import web

from staithe.kernel.problems import Handler

_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FILES: Final = ("app.js", "api.js", "evidence.js", "show.js", "style.css", "icon.svg")
PAGE_PATH: Final = "/"
CONSOLE_PATHS: Final = (PAGE_PATH, *(f"/console/{name}" for name in FILES))
"""What needs no token: there is nothing in it but the page. What the page asks for needs the caller's own."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content Security Policy Level 3 and Trusted Types: no inline code, no other address, no text that becomes markup."""


def console_routes() -> list[web.RouteDef]:
    """GET the page and its files."""
    folder = files("staithe.query.console")
    names = {PAGE_PATH: "index.html", **{f"/console/{name}": name for name in FILES}}
    return [web.get(path, _sends((folder / name).read_bytes(), name)) for path, name in names.items()]


def _sends(content: bytes, name: str) -> Handler:
    """A handler that answers with one file."""
    headers = {"Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin"}

    async def handler(_: web.Request) -> web.StreamResponse:
        kind = _TYPES[name.rpartition(".")[2]]
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)

    return handler
