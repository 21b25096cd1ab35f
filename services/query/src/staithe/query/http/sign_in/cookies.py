"""What the console's two cookies hold: sealed by this service (RFC 7516, `dir` with A256GCM): no store is needed.

Each kind has a key of its own, derived from the one in the file: a cookie of one kind never opens as the other. All
replicas read the same file, so a session is good at each of them.
"""

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from staithe.kernel.clock import Clock
from staithe.kernel.errors import AccessDenied, ConfigurationError
from staithe.kernel.files import read_secret
from staithe.query import limits

SIGN_IN: Final = "__Host-staithe-sign-in"
"""Between leaving for the provider and coming back. Lax, because one comes back from another site."""
SESSION: Final = "__Host-staithe-session"
"""Strict: no other site ever makes a browser send it."""
_SAME_SITE: Final = {SIGN_IN: "Lax", SESSION: "Strict"}
_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS: Final = ["dir", "A256GCM"]
KEY_BYTES_MIN: Final = 32


class SealedCookies:
    """Seals and opens both kinds. The content is a JSON object with `exp`, in seconds since the epoch."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._clock = clock
        self._keys = {
            name: OctKey.import_key(hmac.digest(key, f"staithe/query/{name}/v1".encode(), "sha256"))
            for name in _SAME_SITE
        }

    @classmethod
    def from_file(cls, path: Path, clock: Clock) -> "SealedCookies":
        """Under the key in `path`; raises ConfigurationError when the file holds too little."""
        key = read_secret(path)
        if len(key) < KEY_BYTES_MIN:
            raise ConfigurationError(
                f"{path} must hold at least {KEY_BYTES_MIN} random bytes", reason_code="CONSOLE_KEY_SHORT"
            )
        return cls(key, clock)

    def set(self, response: web.StreamResponse, name: str, content: Mapping[str, Any]) -> None:
        """Give the browser a cookie until its `exp`; raises AccessDenied when it is larger than browsers keep."""
        sealed = jwe.encrypt_compact(_HEADER, json.dumps(content).encode(), self._keys[name], algorithms=_ALGORITHMS)
        if len(sealed) > limits.COOKIE_BYTES_MAX:
            raise AccessDenied("the token is too large for a session", reason_code="SESSION_TOO_LARGE")
        seconds = max(0, int(content["exp"]) - self._now())
        response.set_cookie(
            name, sealed, max_age=seconds, path="/", secure=True, httponly=True, samesite=_SAME_SITE[name]
        )

    @staticmethod
    def clear(response: web.StreamResponse, name: str) -> None:
        """Have the browser forget the cookie."""
        response.del_cookie(name, path="/", secure=True, httponly=True, samesite=_SAME_SITE[name])

    def get(self, request: web.Request, name: str) -> dict[str, Any] | None:
        """What the browser brought, if it was sealed here and is not over; None otherwise."""
        sealed = request.cookies.get(name, "")
        if not sealed or len(sealed) > limits.COOKIE_BYTES_MAX:
            return None
        try:
            opened = jwe.decrypt_compact(sealed, self._keys[name], algorithms=_ALGORITHMS)
            content: dict[str, Any] = json.loads(opened.plaintext or b"")
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        return content if content["exp"] > self._now() else None

    def _now(self) -> int:
        return self._clock.now_ms() // 1000
