"""Verifies bearer tokens: JWT access tokens (RFC 9068) of one issuer, keys found by OpenID Connect discovery.

What is checked: size, algorithm against a fixed list, signature, `typ`, issuer, audience, expiry, not-before, and
possession where the token asks for it (`cnf`, RFC 8705). What is not: revocation before expiry (tokens are short-lived;
removing a key at the issuer revokes at most KEYS_SECONDS_MAX later), so a stolen token without `cnf` works until then.
"""

import asyncio
import hashlib
import json
import math
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeGuard

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64encode

from staithe.kernel.clock import Clock
from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.identity.caller import Caller, caller_from_claims
from staithe.kernel.limits import TOKEN_BYTES_MAX

ALGORITHMS: Final = ("ES256", "EdDSA", "RS256")
"""Asymmetric only: with a shared secret, every verifier could also mint."""
TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
KEYS_SECONDS_MAX: Final = 300.0
KEYS_SECONDS_MIN: Final = 10.0
"""An unknown key id triggers a fetch at most this often, so that forged ids cannot flood the issuer."""
KEYS_BYTES_MAX: Final = 64 * 1024
FETCH_SECONDS_MAX: Final = 5.0
SKEW_SECONDS: Final = 30


Demand = Callable[[Mapping[str, Any]], None]
"""Looks at the claims of a token that is valid otherwise, and raises when they do not suffice here."""


class KeySource(Protocol):
    """Where the issuer's public keys come from."""

    async def keys(self, *, fresh: bool) -> KeySet:
        """The published keys; asks again when `fresh`. Raises Unavailable when the issuer cannot answer."""
        ...


class DiscoveredKeys:
    """Keys of an OpenID provider, found through `/.well-known/openid-configuration` and cached."""

    def __init__(self, issuer_url: str, tls: ssl.SSLContext, clock: Clock) -> None:
        self._issuer_url, self._tls, self._clock = issuer_url.rstrip("/"), tls, clock
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = 0.0
        self._lock = asyncio.Lock()

    async def keys(self, *, fresh: bool) -> KeySet:
        # Looked at before the lock, too: callers whose key is known never wait for a fetch that a forged id caused.
        if (known := self._usable(fresh)) is not None:
            return known
        async with self._lock:
            if (known := self._usable(fresh)) is None:
                self._tried_at = self._clock.monotonic()
                known = self._keys = await self._fetch()
                self._fetched_at = self._clock.monotonic()
            return known

    def _usable(self, fresh: bool) -> KeySet | None:
        now = self._clock.monotonic()
        if now - self._fetched_at > KEYS_SECONDS_MAX or (fresh and now - self._tried_at > KEYS_SECONDS_MIN):
            return None
        return self._keys

    async def _fetch(self) -> KeySet:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS_MAX)
        connector = aiohttp.TCPConnector(ssl=self._tls)
        try:
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
                discovered = await get_json(session, f"{self._issuer_url}/.well-known/openid-configuration")
                if discovered.get("issuer") != self._issuer_url:
                    raise AccessDenied("the issuer's discovery names another issuer", reason_code="ISSUER_MISMATCH")
                return KeySet.import_key_set(await get_json(session, str(discovered["jwks_uri"])))  # type: ignore[arg-type]
        except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError, JoseError) as error:
            raise Unavailable("the token issuer's keys cannot be fetched", reason_code="ISSUER_UNAVAILABLE") from error


async def get_json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """A JSON object of at most KEYS_BYTES_MAX from an issuer; raises ValueError, TypeError or aiohttp.ClientError."""
    async with session.get(url, allow_redirects=False) as response:
        response.raise_for_status()
        decoded = json.loads(await read_bounded(response))
    if not isinstance(decoded, dict):
        raise TypeError("not an object")
    return decoded


async def read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, however it is cut; raises ValueError above KEYS_BYTES_MAX."""
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > KEYS_BYTES_MAX:
            raise ValueError("too large")
    return body


class TokenVerifier:
    """Turns a bearer token into a Caller, or refuses it."""

    def __init__(
        self, *, issuer_url: str, audience: str, keys: KeySource, clock: Clock, demand: Demand = lambda _: None
    ) -> None:
        self._issuer_url, self._audience, self._demand = issuer_url.rstrip("/"), audience, demand
        self._keys, self._clock = keys, clock

    async def verify(self, token: str, certificate: bytes | None = None) -> Caller:
        """The caller of a valid token that came with `certificate` (DER), or without any.

        Raises AccessDenied for any token that is not valid here and now, Unavailable when keys cannot be fetched, and
        whatever the demand does.
        """
        if len(token) > TOKEN_BYTES_MAX:
            raise AccessDenied("token is larger than 8 KiB", reason_code="TOKEN_TOO_LARGE")
        try:
            decoded = await self._decode(token)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise AccessDenied("token is malformed or its signature is wrong", reason_code="TOKEN_INVALID") from error
        if str(decoded.header.get("typ", "")).lower() not in TOKEN_TYPES:
            raise AccessDenied("token is not an access token (typ)", reason_code="TOKEN_TYPE")
        self._check_claims(decoded.claims)
        if "cnf" in decoded.claims and not _is_of(decoded.claims["cnf"], certificate):
            raise AccessDenied("token is bound to a certificate that was not presented", reason_code="TOKEN_BOUND")
        self._demand(decoded.claims)
        return caller_from_claims(decoded.claims)

    async def _decode(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, await self._keys.keys(fresh=False), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # The signing key may be newer than our copy of the key set: ask once more before refusing.
            return jwt.decode(token, await self._keys.keys(fresh=True), algorithms=list(ALGORITHMS))

    def _check_claims(self, claims: dict[str, Any]) -> None:
        now = self._clock.now_ms() // 1000
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        expires, not_before = claims.get("exp"), claims.get("nbf", claims.get("iat", 0))
        if claims.get("iss") != self._issuer_url:
            raise AccessDenied("token is of another issuer", reason_code="TOKEN_ISSUER")
        if not isinstance(audiences, list) or self._audience not in audiences:
            raise AccessDenied("token is for another service", reason_code="TOKEN_AUDIENCE")
        if not _is_number(expires) or expires + SKEW_SECONDS <= now:
            raise AccessDenied("token has expired", reason_code="TOKEN_EXPIRED")
        if not _is_number(not_before) or not_before - SKEW_SECONDS > now:
            raise AccessDenied("token is not valid yet", reason_code="TOKEN_NOT_YET_VALID")


def _is_of(confirmation: object, certificate: bytes | None) -> bool:
    """Whether a `cnf` (RFC 8705, section 3.1) names the certificate; any other way of confirming is unknown here."""
    digest = hashlib.sha256(certificate or b"").digest()
    return certificate is not None and confirmation == {"x5t#S256": urlsafe_b64encode(digest).decode()}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
