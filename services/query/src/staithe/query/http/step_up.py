"""A token that is valid and not strong enough: the caller is told what to ask the issuer for (RFC 9470)."""

from collections.abc import Mapping
from typing import Any, Final

from staithe.kernel.identity.verify import Demand
from staithe.kernel.problems import Problem
from staithe.query.authentication import AuthenticationPolicy

REASON: Final = "AUTHENTICATION_INSUFFICIENT"


class StepUp(Problem):
    """401 with the classes of authentication that would do; empty when only another kind of token does."""

    def __init__(self, acr_values: tuple[str, ...]) -> None:
        self.acr_values = " ".join(acr_values)
        wanted = f', acr_values="{self.acr_values}"' if acr_values else ""
        super().__init__(
            401, REASON.lower().replace("_", "-"), "You must sign in more strongly for what you may see.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_user_authentication"{wanted}'},
        )  # fmt: skip


def demand_of(policy: AuthenticationPolicy) -> Demand:
    """What a verifier asks of every token under `policy`; it raises StepUp."""

    def demand(claims: Mapping[str, Any]) -> None:
        unmet = policy.unmet(claims)
        if unmet is not None:
            raise StepUp(unmet.acr_values)

    return demand
