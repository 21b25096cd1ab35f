"""The caller of an API, as their verified token describes them. Pure: no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from staithe.kernel.errors import AccessDenied, InvalidEvent
from staithe.kernel.vocabulary import Access, TenantId, Tier, access_groups, tenant_id

SUBJECT_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal with a verified token: one tenant, one tier, some groups, some scopes."""

    subject: str
    tenant_id: TenantId
    tier: Tier
    groups: frozenset[str]
    scopes: frozenset[str]

    def may_see(self, tenant: str, access: Access) -> bool:
        """Whether a document of `tenant` with these labels may be shown to this caller."""
        return tenant == self.tenant_id and access.permits(tier=self.tier, groups=self.groups)


def caller_from_claims(claims: Mapping[str, Any]) -> Caller:
    """The caller that `claims` describe; raises AccessDenied when a needed claim is missing or malformed.

    Claims: `sub`, `scope` (RFC 9068), and ours: `tenant`, `tier` (1 to 3), `groups`.
    """
    try:
        subject, tenant, tier, groups = claims["sub"], claims["tenant"], claims["tier"], claims.get("groups", [])
        scopes = claims.get("scope", "")
        if not _are_strings([subject, tenant, scopes]) or type(tier) is not int or not _are_strings(groups):
            raise TypeError
        if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
            raise ValueError
        return Caller(
            subject=subject,
            tenant_id=tenant_id(tenant),
            tier=Tier(tier),
            groups=frozenset(access_groups(tuple(groups))),
            scopes=frozenset(scopes.split()),
        )
    except (KeyError, TypeError, ValueError, InvalidEvent) as error:
        raise AccessDenied("token lacks usable sub, tenant, tier or groups", reason_code="TOKEN_CLAIMS") from error


def _are_strings(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)
