"""Where the tenants' keys live, which wrap every secret: a file, or a key-management system."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A wrapped secret, and the version of the tenant's key that wrapped it."""

    tenant_key: int
    blob: bytes


class TenantKeys(Protocol):
    """One symmetric key per tenant, in versions; for one thread at a time, and every call may block.

    Every method raises Unavailable when the backend cannot answer, and AccessDenied when it refuses us.
    """

    def known(self, tenant_id: str) -> bool:
        """Whether the tenant has a key."""
        ...

    def ensure(self, tenant_id: str) -> bool:
        """Make the tenant's first key unless there is one; whether it was made."""
        ...

    def wrap(self, tenant_id: str, secrets: Sequence[tuple[bytes, bytes]]) -> list[Wrapped]:
        """Each (secret, place) under the newest version; the tenant must be known."""
        ...

    def unwrap(self, tenant_id: str, wrapped: Sequence[tuple[Wrapped, bytes]]) -> list[bytes]:
        """The secret of each (wrapped, place).

        Raises Integrity when one was not wrapped for its place, or its version of the key is destroyed.
        """
        ...

    def rotate(self, tenant_id: str) -> int:
        """Make a new version, which wraps from now on; the older ones still unwrap. Returns its number."""
        ...

    def newest(self, tenant_id: str) -> int:
        """The number of the version that wraps."""
        ...

    def destroy_before(self, tenant_id: str, tenant_key: int) -> None:
        """Destroy all versions below `tenant_key` for good."""
        ...
