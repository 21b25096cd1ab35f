"""Mints access tokens for development and tests. Production uses a real identity provider; this holds a private key."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import read_secret, write_secret
from staithe.kernel.ids import new_event_id
from staithe.kernel.vocabulary import TenantId, Tier

LIFETIME_SECONDS_MAX: Final = 12 * 3600
"""A development token outlives a working day by nobody's wish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a development token shall say."""

    subject: str
    tenant_id: TenantId
    tier: Tier
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audience: str
    lifetime_seconds: int = 3600


class DevelopmentIssuer:
    """Holds one ES256 key and signs whatever it is asked to."""

    def __init__(self, issuer_url: str, key: ECKey) -> None:
        self.issuer_url = issuer_url.rstrip("/")
        self._key = key

    @classmethod
    def create(cls, issuer_url: str, key_file: Path) -> "DevelopmentIssuer":
        """An issuer with a new key, saved to `key_file` with mode 0600."""
        key = ECKey.generate_key("P-256", auto_kid=True)
        write_secret(key_file, json.dumps(key.as_dict(private=True)).encode())
        return cls(issuer_url, key)

    @classmethod
    def load(cls, issuer_url: str, key_file: Path) -> "DevelopmentIssuer":
        """The issuer whose key is in `key_file`; raises ConfigurationError when it is not usable."""
        try:
            return cls(issuer_url, ECKey.import_key(json.loads(read_secret(key_file))))
        except (ValueError, TypeError, JoseError) as error:
            raise ConfigurationError(f"{key_file} is no JSON Web Key", reason_code="ISSUER_KEY_MALFORMED") from error

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) to publish."""
        return {"keys": [{**self._key.as_dict(private=False), "use": "sig", "alg": "ES256"}]}

    def issue(self, request: TokenRequest, *, now_ms: int) -> str:
        """A signed access token (RFC 9068); raises ConfigurationError when it should live too long."""
        if not 0 < request.lifetime_seconds <= LIFETIME_SECONDS_MAX:
            raise ConfigurationError(
                f"a development token lives 1 to {LIFETIME_SECONDS_MAX} seconds", reason_code="TOKEN_LIFETIME"
            )
        now = now_ms // 1000
        claims = {
            "iss": self.issuer_url, "sub": request.subject, "aud": request.audience, "iat": now, "nbf": now,
            "exp": now + request.lifetime_seconds, "jti": new_event_id(now_ms), "tenant": str(request.tenant_id),
            "tier": int(request.tier), "groups": list(request.groups), "scope": " ".join(request.scopes),
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}, claims, self._key)
