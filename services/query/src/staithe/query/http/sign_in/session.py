"""Whose request it is: a bearer token, or the console's session, which carries one in a sealed cookie.

A session is taken from the console's own page only, and for what that page does: a browser sends cookies with requests
that other pages make it send (cross-site request forgery). Four fences: SameSite=Strict, Fetch Metadata, the Origin,
and a random word of the session in a header that only our script can set.
"""

import hmac
from typing import Any, Final

from aiohttp import web

from staithe.kernel.http import bearer_token
from staithe.kernel.problems import Problem
from staithe.query.http.sign_in.cookies import SESSION, SealedCookies

WORD_HEADER: Final = "Staithe-Console"
SIGN_OUT_PATH: Final = "/console/sign-out"
_SERVED: Final = (
    ("POST", "/v1/answers", ""), ("GET", "/v1/documents/", "/content"), ("GET", "/v1/evidence/", ""),
)  # fmt: skip
"""Method, beginning and end of the paths that the page asks for. Erasing is not among them."""


class ConsoleSessions:
    """Finds the token of a request; `url` is the console's public origin."""

    def __init__(self, cookies: SealedCookies, url: str) -> None:
        self._cookies, self._url = cookies, url

    def token_of(self, request: web.Request) -> str:
        """The token of the header, else of a session; raises Problem 401 for a session that another page sent."""
        if "Authorization" in request.headers or SESSION not in request.cookies or not _is_served(request):
            return bearer_token(request)
        session = self._cookies.get(request, SESSION)
        if session is None:
            return ""
        self.refuse_others(request, session)
        return str(session["token"])

    def refuse_others(self, request: web.Request, session: dict[str, Any]) -> None:
        """Raise Problem 401 unless the console's own page of this session sent the request."""
        given, word = request.headers.get(WORD_HEADER, ""), str(session["word"])
        # Fetch sends an Origin with every request but GET and HEAD.
        origin = request.headers.get("Origin", self._url if request.method == "GET" else "")
        is_ours = request.headers.get("Sec-Fetch-Site") == "same-origin" and origin == self._url
        if not (is_ours and hmac.compare_digest(given.encode(), word.encode())):
            raise Problem(401, "not-from-the-console", "A session counts for the console's own page only.")


def _is_served(request: web.Request) -> bool:
    return any(
        request.method == method and request.path.startswith(start) and request.path.endswith(end)
        for method, start, end in _SERVED
    )
