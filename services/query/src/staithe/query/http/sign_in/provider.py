"""The OpenID provider as a client of it sees it: discovery, authorization request, exchange of the code, ID token.

OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE, S256 only), RFC 9207 (issuer of a response), RFC 9700. A
public client: what proves that the code is redeemed by who asked for it is the verifier, which never leaves the sealed
cookie and this process.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError

from staithe.kernel.clock import Clock
from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.identity.verify import ALGORITHMS, SKEW_SECONDS, KeySource, get_json, read_bounded
from staithe.query import limits

CALLBACK_PATH: Final = "/console/callback"


@dataclass(frozen=True, slots=True)
class ConsoleClient:
    """Who the console is to the provider. `url` is its public origin, without a slash at the end."""

    client_id: str
    url: str
    scopes: str = "openid"

    @property
    def redirect_uri(self) -> str:
        """The one address that the provider sends people back to."""
        return f"{self.url}{CALLBACK_PATH}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What discovery says, as far as it is needed."""

    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str
    names_issuer: bool


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for; neither is verified yet."""

    access_token: str
    id_token: str


class OpenIdProvider:
    """One issuer and our client there."""

    def __init__(
        self, issuer_url: str, client: ConsoleClient, *, keys: KeySource, tls: ssl.SSLContext, clock: Clock
    ) -> None:
        self.issuer_url, self.client = issuer_url.rstrip("/"), client
        self._keys, self._tls, self._clock = keys, tls, clock
        self._metadata: Metadata | None = None
        self._fetched_at = 0.0
        self._lock = asyncio.Lock()
        self._exchanging = asyncio.Semaphore(limits.EXCHANGES_MAX)

    async def metadata(self) -> Metadata:
        """Where the provider's endpoints are; raises Unavailable, or AccessDenied when it is not what we need."""
        async with self._lock:
            age = self._clock.monotonic() - self._fetched_at
            if self._metadata is None or age > limits.METADATA_SECONDS_MAX:
                self._metadata, self._fetched_at = await self._discover(), self._clock.monotonic()
            return self._metadata

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, acr_values: str = "") -> str:
        """Where to send the browser to sign in; raises as `metadata` does."""
        query = {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": self.client.redirect_uri,
            "scope": self.client.scopes, "state": state, "nonce": nonce, "code_challenge": code_challenge(verifier),
            "code_challenge_method": "S256",
        } | ({"acr_values": acr_values} if acr_values else {})  # fmt: skip
        return _with_query((await self.metadata()).authorization_endpoint, query)

    async def sign_out_url(self) -> str:
        """Where to end the provider's own session (OpenID Connect RP-Initiated Logout), or the console."""
        endpoint = (await self.metadata()).end_session_endpoint
        query = {"client_id": self.client.client_id, "post_logout_redirect_uri": f"{self.client.url}/"}
        return _with_query(endpoint, query) if endpoint else f"{self.client.url}/"

    async def check_issuer(self, given: str | None) -> None:
        """Refuse a response of another issuer (RFC 9207): a mixed-up code must never be sent on."""
        if given is None and not (await self.metadata()).names_issuer:
            return
        if given != self.issuer_url:
            raise AccessDenied("the response is of another issuer", reason_code="ISSUER_MISMATCH")

    async def exchange(self, code: str, verifier: str) -> Tokens:
        """Redeem a code; raises AccessDenied when the provider refuses it, Unavailable when it cannot answer."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri,
            "client_id": self.client.client_id, "code_verifier": verifier,
        }  # fmt: skip
        if self._exchanging.locked():
            raise Unavailable("too many people are signing in", reason_code="SIGN_INS_TOO_MANY")
        endpoint = (await self.metadata()).token_endpoint
        try:
            async with (
                self._exchanging,
                self._session() as session,
                session.post(endpoint, data=form, allow_redirects=False) as response,
            ):
                status, body = response.status, await read_bounded(response)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("the provider does not answer", reason_code="ISSUER_UNAVAILABLE") from error
        if status >= 500:
            raise Unavailable("the provider cannot answer", reason_code="ISSUER_UNAVAILABLE")
        return _tokens(status, body)

    async def check_id_token(self, tokens: Tokens, nonce: str) -> Mapping[str, Any]:
        """The claims of the ID token, when it is this provider's, for this client and this sign-in, and valid now.

        OpenID Connect Core 1.0, sections 3.1.3.7 and 3.1.3.8. Raises AccessDenied otherwise.
        """
        claims = (await self._decode(tokens.id_token)).claims
        now = self._clock.now_ms() // 1000
        expires, issued = claims.get("exp"), claims.get("iat")
        if claims.get("iss") != self.issuer_url:
            raise AccessDenied("the ID token is of another issuer", reason_code="ID_TOKEN_ISSUER")
        # No other audience at all: none is known to us, and one that we do not know need not be trusted.
        if claims.get("aud") not in (self.client.client_id, [self.client.client_id]):
            raise AccessDenied("the ID token is for another client", reason_code="ID_TOKEN_AUDIENCE")
        if claims.get("azp", self.client.client_id) != self.client.client_id:
            raise AccessDenied("the ID token was asked for by another client", reason_code="ID_TOKEN_AUDIENCE")
        if type(expires) is not int or expires + SKEW_SECONDS <= now:
            raise AccessDenied("the ID token has expired", reason_code="ID_TOKEN_EXPIRED")
        if type(issued) is not int or not -SKEW_SECONDS <= now - issued <= limits.SIGN_IN_SECONDS_MAX:
            raise AccessDenied("the ID token was not made just now", reason_code="ID_TOKEN_EXPIRED")
        if not _equal(claims.get("nonce"), nonce):
            raise AccessDenied("the ID token is of another sign-in", reason_code="ID_TOKEN_NONCE")
        if "at_hash" in claims and not _equal(claims["at_hash"], _half_hash(tokens.access_token)):
            raise AccessDenied("the ID token is of another access token", reason_code="ID_TOKEN_AT_HASH")
        return claims

    async def _decode(self, id_token: str) -> jwt.Token:
        for fresh in (False, True):
            try:
                return jwt.decode(id_token, await self._keys.keys(fresh=fresh), algorithms=list(ALGORITHMS))
            except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
                if fresh:
                    raise AccessDenied("the ID token does not verify", reason_code="ID_TOKEN_INVALID") from error
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def _discover(self) -> Metadata:
        try:
            async with self._session() as session:
                found = await get_json(session, f"{self.issuer_url}/.well-known/openid-configuration")
        except (aiohttp.ClientError, TimeoutError, TypeError, ValueError) as error:
            raise Unavailable("the provider's discovery cannot be read", reason_code="ISSUER_UNAVAILABLE") from error
        if found.get("issuer") != self.issuer_url:
            raise AccessDenied("the issuer's discovery names another issuer", reason_code="ISSUER_MISMATCH")
        methods = found.get("code_challenge_methods_supported")
        if not isinstance(methods, list) or "S256" not in methods:
            raise AccessDenied("the provider has no PKCE with S256", reason_code="PROVIDER_WITHOUT_PKCE")
        names = ("authorization_endpoint", "token_endpoint", "end_session_endpoint")
        endpoints = [found.get(name, "") for name in names]
        if not all(isinstance(each, str) and each.startswith("https://") for each in endpoints[:2]):
            raise AccessDenied("the provider's endpoints are not https", reason_code="PROVIDER_WITHOUT_TLS")
        end = endpoints[2] if str(endpoints[2]).startswith("https://") else ""
        names_issuer = found.get("authorization_response_iss_parameter_supported") is True
        return Metadata(endpoints[0], endpoints[1], end, names_issuer)

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=limits.EXCHANGE_SECONDS_MAX)
        return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=self._tls))


def code_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _half_hash(access_token: str) -> str:
    """`at_hash` (OpenID Connect Core 1.0, section 3.1.3.6) for the algorithms that end in 256."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).rstrip(b"=").decode()


def _tokens(status: int, body: bytes) -> Tokens:
    try:
        given = json.loads(body)
        access, identity = given["access_token"], given["id_token"]
        fits = status == 200 and str(given["token_type"]).lower() == "bearer"
        if not (fits and isinstance(access, str) and isinstance(identity, str)):
            raise TypeError
    except (ValueError, TypeError, KeyError) as error:
        raise AccessDenied("the provider did not take the code", reason_code="CODE_REFUSED") from error
    return Tokens(access, identity)


def _with_query(endpoint: str, query: Mapping[str, str]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def _equal(one: object, other: str) -> bool:
    return isinstance(one, str) and hmac.compare_digest(one.encode(), other.encode())
