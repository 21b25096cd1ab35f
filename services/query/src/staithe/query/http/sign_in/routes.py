"""The console's sign-in: leave for the provider, come back with a code, have a session, end it.

Nothing that a browser sends decides where it is sent: every redirect goes to the provider or to the console's own page.
"""

import base64
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from aiohttp import web

from staithe.kernel.clock import Clock
from staithe.kernel.errors import AccessDenied, StaitheError, Unavailable
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.problems import Problem
from staithe.query import limits
from staithe.query.audit import AuditTrail
from staithe.query.http.guards import StrangersGuard
from staithe.query.http.sign_in.cookies import SESSION, SIGN_IN, SealedCookies
from staithe.query.http.sign_in.provider import CALLBACK_PATH, OpenIdProvider
from staithe.query.http.sign_in.session import SIGN_OUT_PATH, ConsoleSessions
from staithe.query.http.step_up import REASON, StepUp

SIGN_IN_PATH: Final = "/console/sign-in"
SESSION_PATH: Final = "/console/session"
SIGN_IN_PATHS: Final = (SIGN_IN_PATH, CALLBACK_PATH, SESSION_PATH, SIGN_OUT_PATH)
_PAGE: Final = "/"
_RANDOM_BYTES: Final = 32
_PARAMETERS: Final = frozenset({"code", "state", "iss", "session_state", "error", "error_description", "error_uri"})
_NAME_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class SignIn:
    """What sign-in at a provider needs."""

    provider: OpenIdProvider
    cookies: SealedCookies
    sessions: ConsoleSessions


async def no_provider(_: web.Request) -> web.Response:
    """The session of a console without a provider: people bring a token."""
    return web.json_response({"sign_in": "token", "signed_in": False})


class SignInHandlers:
    """One method per path of SIGN_IN_PATHS."""

    def __init__(
        self, sign_in: SignIn, verifier: TokenVerifier, trail: AuditTrail, strangers: StrangersGuard, clock: Clock
    ) -> None:
        self._provider, self._cookies, self._sessions = sign_in.provider, sign_in.cookies, sign_in.sessions
        self._verifier, self._trail, self._strangers, self._clock = verifier, trail, strangers, clock
        self._spent: OrderedDict[str, None] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.get(SIGN_IN_PATH, self.begin), web.get(CALLBACK_PATH, self.finish),
            web.get(SESSION_PATH, self.session), web.post(SIGN_OUT_PATH, self.sign_out),
        ]  # fmt: skip

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to the provider, with what the way back is checked against in a sealed cookie."""
        url = self._provider.client.url
        if f"https://{request.host}" != url:
            # Another name of ours: the cookie would not be there on the way back.
            return _see_other(f"{url}{SIGN_IN_PATH}")
        return await self._leave("")

    async def _leave(self, acr_values: str) -> web.StreamResponse:
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        location = await self._provider.authorization_url(
            state=state, nonce=nonce, verifier=verifier, acr_values=acr_values
        )
        response = _see_other(location)
        until = self._clock.now_ms() // 1000 + limits.SIGN_IN_SECONDS_MAX
        waiting = {"state": state, "nonce": nonce, "verifier": verifier, "exp": until, "acr_values": acr_values}
        self._cookies.set(response, SIGN_IN, waiting)
        return response

    async def finish(self, request: web.Request) -> web.StreamResponse:
        """Turn the provider's answer into a session, or say that it was refused; either way this sign-in is spent."""
        response = _see_other(_PAGE)
        try:
            session, caller = await self._session_from(request)
            self._cookies.set(response, SESSION, session)
            await self._trail.record("query.signed_in", caller=caller)
        except StepUp as wanted:
            waiting = self._cookies.get(request, SIGN_IN) or {}
            if wanted.acr_values and not waiting.get("acr_values"):
                return await self._leave(wanted.acr_values)
            response = await self._refuse(request, REASON)
        except (AccessDenied, Unavailable) as error:
            response = await self._refuse(request, error.reason_code)
        self._cookies.clear(response, SIGN_IN)
        return response

    async def _refuse(self, request: web.Request, reason_code: str) -> web.Response:
        await self._strangers.refused(request, "query.sign_in_refused", reason_code)
        return _see_other(f"{_PAGE}#refused={reason_code}")

    async def session(self, request: web.Request) -> web.Response:
        """Who is signed in, for the page; the word is what it must send along."""
        found = self._cookies.get(request, SESSION)
        caller = None if found is None else await self._caller(found)
        if found is None or caller is None:
            return web.json_response({"sign_in": "provider", "signed_in": False})
        return web.json_response(
            {
                "sign_in": "provider", "signed_in": True, "word": found["word"], "expires_at": found["exp"],
                "claims": {
                    "sub": found["name"] or caller.subject, "tenant": caller.tenant_id, "tier": int(caller.tier),
                    "groups": sorted(caller.groups),
                },
            }
        )  # fmt: skip

    async def sign_out(self, request: web.Request) -> web.Response:
        """End our session and say where the provider's own is ended."""
        found = self._cookies.get(request, SESSION)
        if found is None:
            raise Problem(401, "session-missing", "Nobody is signed in.")
        self._sessions.refuse_others(request, found)
        caller = await self._caller(found)
        await self._trail.record("query.signed_out", caller=caller)
        response = web.json_response({"location": await self._provider.sign_out_url()})
        self._cookies.clear(response, SESSION)
        return response

    async def _session_from(self, request: web.Request) -> tuple[dict[str, Any], Caller]:
        """The session that a response of the provider is worth; raises AccessDenied or Unavailable.

        In the order of RFC 9700 and OpenID Connect Core: ours, once, of this issuer, no error; then the code, the ID
        token, and the access token as every request's is checked.
        """
        given = _parameters(request)
        waiting = self._cookies.get(request, SIGN_IN)
        if waiting is None:
            raise AccessDenied("this browser is not signing in", reason_code="SIGN_IN_MISSING")
        if not compare_digest(given.get("state", "").encode(), str(waiting["state"]).encode()):
            raise AccessDenied("the response is to another request", reason_code="SIGN_IN_STATE")
        self._spend(str(waiting["state"]))
        await self._provider.check_issuer(given.get("iss"))
        if "error" in given or not given.get("code"):
            raise AccessDenied("the provider did not sign in", reason_code="PROVIDER_REFUSED")
        tokens = await self._provider.exchange(given["code"], str(waiting["verifier"]))
        identity = await self._provider.check_id_token(tokens, str(waiting["nonce"]))
        caller = await self._verifier.verify(tokens.access_token)
        if identity.get("sub") != caller.subject:
            raise AccessDenied("the two tokens are of two people", reason_code="ID_TOKEN_SUBJECT")
        return self._session(tokens.access_token, str(identity.get("preferred_username", ""))), caller

    def _session(self, token: str, name: str) -> dict[str, Any]:
        # Verified a moment ago: its claims are what they say.
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return {
            "token": token, "name": name[:_NAME_CHARACTERS_MAX], "word": secrets.token_urlsafe(_RANDOM_BYTES),
            "exp": int(claims["exp"]),
        }  # fmt: skip

    def _spend(self, state: str) -> None:
        """Each sign-in comes back once to a process; that its code is good once is the provider's to see to."""
        if state in self._spent:
            raise AccessDenied("this sign-in is over", reason_code="SIGN_IN_SPENT")
        self._spent[state] = None
        if len(self._spent) > limits.SIGN_INS_REMEMBERED_MAX:
            self._spent.popitem(last=False)

    async def _caller(self, session: dict[str, Any]) -> Caller | None:
        try:
            return await self._verifier.verify(str(session["token"]))
        except (StaitheError, Problem):
            return None


def _parameters(request: web.Request) -> dict[str, str]:
    """What the provider sent back, each once and of bounded length; others are ignored, as they must be (RFC 6749)."""
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in _PARAMETERS:
            if name in given or len(value) > limits.PARAMETER_CHARACTERS_MAX:
                raise AccessDenied("the response is malformed", reason_code="SIGN_IN_MALFORMED")
            given[name] = value
    return given


def _see_other(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})
