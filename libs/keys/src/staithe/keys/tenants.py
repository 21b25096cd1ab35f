"""The tenants of an installation and what each may do: a list in policies/tenants.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.limits import CLAIM_BYTES_MAX
from staithe.kernel.vocabulary import TenantId, tenant_id

TENANTS_MAX: Final = 1000
"""More need another way to be set up than a file that people edit."""


class Tenant(BaseModel):
    """One company: its name and its limits; unknown words are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    document_bytes_max: Annotated[int, Field(ge=1, le=CLAIM_BYTES_MAX)] = CLAIM_BYTES_MAX


def load_tenants(path: Path) -> Mapping[TenantId, Tenant]:
    """The tenants in policies/tenants.yaml, in their order; raises ConfigurationError with the first fault."""
    try:
        listed = yaml.safe_load(path.read_text())["tenants"]
        if not isinstance(listed, list) or not 0 < len(listed) <= TENANTS_MAX:
            raise TypeError
        tenants = [Tenant.model_validate({"name": each} if isinstance(each, str) else each) for each in listed]
        named = {tenant_id(each.name): each for each in tenants}
        if len(named) != len(tenants):
            raise TypeError
    except (OSError, yaml.YAMLError, KeyError, TypeError, InvalidEvent, ValidationError) as error:
        raise ConfigurationError(
            f"{path} must hold a list `tenants` of DNS labels, each once; take policies/tenants.yaml as the pattern",
            reason_code="TENANTS_UNREADABLE",
        ) from error
    return named
