"""How large the documents of each tenant may be. Pure."""

from collections.abc import Mapping

from staithe.kernel.limits import DOCUMENT_BYTES_MAX
from staithe.kernel.vocabulary import TenantId
from staithe.keys.tenants import Tenant


class TenantSizes:
    """The limits in policies/tenants.yaml."""

    def __init__(self, tenants: Mapping[TenantId, Tenant]) -> None:
        self._tenants = tenants

    def document_bytes_max(self, tenant_id: TenantId) -> int:
        """The size of a document of `tenant_id`; what an event holds, when the file does not name the tenant."""
        tenant = self._tenants.get(tenant_id)
        return DOCUMENT_BYTES_MAX if tenant is None else tenant.document_bytes_max
