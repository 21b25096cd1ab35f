"""The tenants of an installation: a list in policies/tenants.yaml."""

from pathlib import Path
from typing import Final

import yaml

from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.vocabulary import TenantId, tenant_id

TENANTS_MAX: Final = 1000
"""More need another way to be set up than a file that people edit."""


def load_tenants(path: Path) -> tuple[TenantId, ...]:
    """The tenants in policies/tenants.yaml; raises ConfigurationError with the first fault."""
    try:
        tenants = yaml.safe_load(path.read_text())["tenants"]
        if not isinstance(tenants, list) or not 0 < len(tenants) <= TENANTS_MAX:
            raise TypeError
        return tuple(tenant_id(str(each)) for each in tenants)
    except (OSError, yaml.YAMLError, KeyError, TypeError, InvalidEvent) as error:
        raise ConfigurationError(
            f"{path} must hold a list `tenants` of DNS labels; take policies/tenants.yaml as the pattern",
            reason_code="TENANTS_UNREADABLE",
        ) from error
