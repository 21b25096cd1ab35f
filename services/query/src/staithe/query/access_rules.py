"""Rules of policies/access.yaml: attribute-based access control that only ever takes away from tenant, tier and groups.

Evaluated on the document's current labels, never on a row's; what the index knows of them is also made into its filter,
so that hidden rows take no place among the candidates. Terms after NIST SP 800-162.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    model_validator,
)

from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import Classification
from staithe.query.policy_files import load_policy
from staithe.vectors.store.filters import Equals, Filter, NoneOf, Or
from staithe.vectors.store.filters import Field as Column

PURPOSE: Final = "purpose:"
"""A purpose is a scope of the token: the issuer says for what it was given out."""
RULES_MAX: Final = 64
"""Each may become a term of every search's filter."""
_STRICT: Final = ConfigDict(extra="forbid", frozen=True)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _tier(value: int) -> int:
    if value not in {1, 2, 3}:
        raise ValueError("tiers are 1, 2 and 3")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError("no such time zone") from error
    return value


_TierNumber = Annotated[StrictInt, AfterValidator(_tier)]
_ClockTime = Annotated[StrictStr, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Hours(BaseModel):
    """Days of the week, from one time to another of the same day, in one place. `until` itself is outside."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    begins: _ClockTime = Field(alias="from")
    until: _ClockTime
    zone: Annotated[StrictStr, AfterValidator(_zone)]

    @model_validator(mode="after")
    def _forward(self) -> "Hours":
        if self.begins >= self.until:
            raise ValueError("from must be before until: write two rules for a night")
        return self

    def hold(self, now_ms: int) -> bool:
        """Whether it is within them at `now_ms`."""
        there = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(self.zone))
        begins, until = time.fromisoformat(self.begins), time.fromisoformat(self.until)
        return _DAYS[there.weekday()] in self.days and begins <= there.time() < until


class Documents(BaseModel):
    """Which documents a rule is about: those that fit every line."""

    model_config = _STRICT

    tenants: tuple[StrictStr, ...] = ()
    tiers: tuple[_TierNumber, ...] = ()
    classifications: tuple[Classification, ...] = ()
    residencies: tuple[StrictStr, ...] = ()

    def fit(self, current: DocumentCurrent) -> bool:
        """Whether the document is one of them, by its labels of now."""
        return (
            (not self.tenants or current.tenant_id in self.tenants)
            and (not self.tiers or int(current.access.tier) in self.tiers)
            and (not self.classifications or current.access.classification in self.classifications)
            and (not self.residencies or current.residency in self.residencies)
        )


class Callers(BaseModel):
    """What a caller must meet, every line of it, to see the documents of a rule."""

    model_config = _STRICT

    groups: tuple[StrictStr, ...] = ()
    purposes: tuple[StrictStr, ...] = ()
    tier_min: _TierNumber = 1
    hours: Hours | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Callers":
        if not (self.groups or self.purposes or self.hours or self.tier_min > 1):
            raise ValueError("a rule must ask for something")
        return self

    def are_met_by(self, caller: Caller, now_ms: int) -> bool:
        """Whether the caller meets all of it now."""
        return (
            (not self.groups or not caller.groups.isdisjoint(self.groups))
            and (not self.purposes or not caller.scopes.isdisjoint(PURPOSE + each for each in self.purposes))
            and int(caller.tier) >= self.tier_min
            and (self.hours is None or self.hours.hold(now_ms))
        )


class Rule(BaseModel):
    """Hides documents from callers who do not meet what it asks for."""

    model_config = _STRICT

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    documents: Documents
    callers: Callers


class AccessRules(BaseModel):
    """All rules. A document is hidden when any rule hides it."""

    model_config = _STRICT

    rules: tuple[Rule, ...] = Field(max_length=RULES_MAX)

    def denying(self, caller: Caller, current: DocumentCurrent, now_ms: int) -> Rule | None:
        """The first rule that hides the document from the caller now, or None. Pure."""
        for rule in self.rules:
            if rule.documents.fit(current) and not rule.callers.are_met_by(caller, now_ms):
                return rule
        return None

    def denies(self, caller: Caller, current: DocumentCurrent, now_ms: int) -> bool:
        """Whether a rule hides the document from the caller now."""
        return self.denying(caller, current, now_ms) is not None

    def narrowing(self, caller: Caller, now_ms: int) -> Sequence[Filter]:
        """Filters that leave out rows hidden from the caller by their tier and classification, and no others.

        A row's labels may be old, so `denies` decides on every hit all the same. Residencies are not in the index.
        """
        return [
            _outside(rule.documents)
            for rule in self.rules
            if not rule.documents.residencies
            and (not rule.documents.tenants or caller.tenant_id in rule.documents.tenants)
            and not rule.callers.are_met_by(caller, now_ms)
        ]


NO_RULES: Final = AccessRules(rules=())


def _outside(documents: Documents) -> Filter:
    """Rows that are none of the documents: of another tier, or of another classification."""
    tiers, classes = documents.tiers, tuple(each.value for each in documents.classifications)
    parts: list[Filter] = [NoneOf(Column.TIER, tiers)] if tiers else []
    parts += [NoneOf(Column.CLASSIFICATION, classes)] if classes else []
    # Neither named: the rule is about every document, and no row has the empty tenant.
    return Or(tuple(parts)) if parts else Equals(Column.TENANT_ID, "")


def load_access_rules(path: Path | None) -> AccessRules:
    """The rules in `path`, or none without one; raises ConfigurationError when the file is not well-formed."""
    return NO_RULES if path is None else load_policy(path, AccessRules, "ACCESS_RULES_INVALID")
