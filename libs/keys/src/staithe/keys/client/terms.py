"""The tenants' term keys, which key the blind index: fetched when first needed, forgotten after a while."""

from typing import Protocol

from staithe.kernel.clock import Clock
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.vocabulary import TenantId
from staithe.keys import wire
from staithe.keys.client.cache import KeyCache
from staithe.keys.limits import TERM_KEY_SECONDS_MAX, TERM_KEYS_CACHED_MAX


class TermKeySource(Protocol):
    """Whoever knows term keys."""

    def term_key(self, tenant_id: str) -> wire.TermKey:
        """The tenant's; raises Unavailable, AccessDenied or InvalidEvent."""
        ...


class TermKeys:
    """The term key of each tenant; safe on several threads."""

    def __init__(self, source: TermKeySource, clock: Clock) -> None:
        self._source = source
        self._cache: KeyCache[TenantId, bytes] = KeyCache(
            clock, count_max=TERM_KEYS_CACHED_MAX, seconds_max=TERM_KEY_SECONDS_MAX
        )

    def key(self, tenant_id: TenantId) -> bytes:
        """The tenant's, 32 bytes; blocks for a request when it is not in memory.

        Raises Unavailable and AccessDenied as the key service's client, InvalidEvent when there is no such tenant.
        """
        known = self._cache.get(tenant_id)
        if known is not None:
            return known
        answer = self._source.term_key(tenant_id)
        if answer.term_key is None:
            raise InvalidEvent(
                "this tenant is not set up here; add it to policies/tenants.yaml",
                reason_code=answer.refused or wire.UNKNOWN_TENANT,
            )
        key = bytes.fromhex(answer.term_key)
        self._cache.put(tenant_id, (tenant_id, ""), key)
        return key
