"""Calls the key service over TLS 1.3 with a client certificate."""

from collections.abc import Sequence
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from staithe.kernel.errors import AccessDenied, InvalidEvent, Unavailable
from staithe.kernel.tls import client_context
from staithe.keys import wire
from staithe.keys.client.settings import KeyServiceAddress
from staithe.keys.limits import CLIENT_SECONDS_MAX

Answer = TypeVar("Answer", bound=BaseModel)


class KeyServiceClient:
    """One connection pool; safe to call from several threads.

    Every method blocks up to CLIENT_SECONDS_MAX and raises Unavailable when the service cannot answer now, AccessDenied
    when our certificate does not have the right, and InvalidEvent when the request can never be served.
    """

    def __init__(self, address: KeyServiceAddress, *, keep_alive: bool = True) -> None:
        """`keep_alive` holds connections open between requests, until `close`; a command that asks once need not."""
        context = client_context(address.ca_file, address.certificate_file, address.private_key_file)
        self._client = httpx2.Client(
            base_url=address.url, verify=context, timeout=CLIENT_SECONDS_MAX, trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=None if keep_alive else 0),
        )  # fmt: skip

    def public_keys(self, purpose: str, versions: Sequence[wire.Version]) -> Sequence[wire.PublicKey]:
        """In the order of `versions`, of which there are at most KEYS_PER_REQUEST_MAX."""
        wanted = wire.PublicKeysWanted(purpose=purpose, versions=tuple(versions))
        return self._post("/v1/public-keys", wanted, wire.PublicKeys).keys

    def private_keys(self, purpose: str, names: Sequence[wire.KeyName]) -> Sequence[wire.PrivateKey]:
        """In the order of `names`, of which there are at most KEYS_PER_REQUEST_MAX."""
        wanted = wire.PrivateKeysWanted(purpose=purpose, keys=tuple(names))
        return self._post("/v1/private-keys", wanted, wire.PrivateKeys).keys

    def term_key(self, tenant_id: str) -> wire.TermKey:
        """The key of a tenant's blind index."""
        return self._post("/v1/term-keys", wire.TermKeyWanted(tenant_id=tenant_id), wire.TermKey)

    def shred(self, version: wire.Version) -> wire.Shredded:
        """Destroy the document's secrets up to this version; idempotent."""
        return self._post("/v1/erasures", version, wire.Shredded)

    def ensure_tenant(self, tenant_id: str) -> bool:
        """Make a tenant's key unless it has one; whether it was made."""
        return self._post("/v1/tenants", wire.TenantWanted(tenant_id=tenant_id), wire.TenantMade).made

    def rotate(self, tenant_id: str) -> wire.Rotated:
        """Give a tenant a new key and destroy the old one."""
        return self._post("/v1/rotations", wire.TenantWanted(tenant_id=tenant_id), wire.Rotated)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _post(self, path: str, body: BaseModel, answer: type[Answer]) -> Answer:
        try:
            response = self._client.post(
                path, content=body.model_dump_json().encode(), headers={"Content-Type": "application/json"}
            )
        except (httpx2.HTTPError, OSError) as error:
            raise Unavailable("the key service does not answer", reason_code="KEYS_UNAVAILABLE") from error
        if response.is_success:
            try:
                return answer.model_validate_json(response.content)
            except ValidationError as error:
                raise Unavailable("the key service answers nonsense", reason_code="KEYS_UNAVAILABLE") from error
        if response.status_code == 403:
            raise AccessDenied("the key service refuses our certificate this right", reason_code="KEYS_REFUSED")
        if response.status_code in (413, 422):
            raise InvalidEvent("the key service cannot serve such a request", reason_code="KEYS_REQUEST")
        raise Unavailable("the key service cannot answer now", reason_code="KEYS_UNAVAILABLE")
