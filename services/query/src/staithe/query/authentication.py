"""How strongly a caller must have signed in, by tenant and tier: policies/authentication.yaml, on a token's claims.

`acr` and `amr` are those of OpenID Connect Core 1.0 and RFC 8176; `bound` asks for a token with `cnf` (RFC 8705), whose
certificate was then presented, or the token would have been refused already.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from staithe.query.policy_files import load_policy

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Way(BaseModel):
    """One way to suffice: everything in it must hold."""

    model_config = _STRICT

    acr: tuple[StrictStr, ...] = ()
    amr: tuple[StrictStr, ...] = ()
    claims: dict[StrictStr, tuple[StrictBool | StrictInt | StrictStr, ...]] = Field(default_factory=dict)
    bound: StrictBool = False

    @model_validator(mode="after")
    def _says_something(self) -> "Way":
        if not (self.acr or self.amr or self.claims or self.bound) or not all(self.claims.values()):
            raise ValueError("a way must ask for something")
        return self

    def is_met_by(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims hold everything; what is missing or of another type does not."""
        methods = claims.get("amr")
        held = set(filter(_is_text, methods)) if isinstance(methods, list) else set()
        return (
            (not self.acr or _is_one_of(claims.get("acr"), self.acr))
            and held.issuperset(self.amr)
            and all(_is_one_of(claims.get(name), allowed) for name, allowed in self.claims.items())
            and (not self.bound or "cnf" in claims)
        )


class Rule(BaseModel):
    """What callers of these tenants and tiers must meet in one of its ways. No tenants or no tiers: all of them."""

    model_config = _STRICT

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    tenants: tuple[StrictStr, ...] = ()
    tiers: tuple[StrictInt, ...] = Field(default=())
    any_of: tuple[Way, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tiers_exist(self) -> "Rule":
        if not {1, 2, 3}.issuperset(self.tiers):
            raise ValueError("tiers are 1, 2 and 3")
        return self

    def concerns(self, claims: Mapping[str, Any]) -> bool:
        """Whether the bearer falls under the rule; one whose tenant or tier is unreadable falls under every rule."""
        tenant, tier = claims.get("tenant"), claims.get("tier")
        in_tenant = not self.tenants or not _is_text(tenant) or tenant in self.tenants
        return in_tenant and (not self.tiers or type(tier) is not int or tier in self.tiers)

    @property
    def acr_values(self) -> tuple[str, ...]:
        """What a caller may ask the issuer for to meet it (RFC 9470)."""
        return tuple(dict.fromkeys(value for way in self.any_of for value in way.acr))


class AuthenticationPolicy(BaseModel):
    """All rules; every one that concerns a caller must be met."""

    model_config = _STRICT

    rules: tuple[Rule, ...]

    def unmet(self, claims: Mapping[str, Any]) -> Rule | None:
        """The first rule that a token with these claims does not meet, or None. Pure."""
        for rule in self.rules:
            if rule.concerns(claims) and not any(way.is_met_by(claims) for way in rule.any_of):
                return rule
        return None


def load_authentication(path: Path | None) -> AuthenticationPolicy:
    """The policy in `path`, none: no rules; raises ConfigurationError when it is not well-formed."""
    if path is None:
        return AuthenticationPolicy(rules=())
    return load_policy(path, AuthenticationPolicy, "AUTHENTICATION_POLICY_INVALID")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_one_of(value: object, allowed: tuple[bool | int | str, ...]) -> bool:
    """By value and type: 1 is not true."""
    return any(type(value) is type(each) and value == each for each in allowed)
