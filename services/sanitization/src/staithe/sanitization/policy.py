"""Decides what happens to each finding and to the document: rules as data, first match wins. Pure.

A policy is strict: unknown keys are refused, because a misspelt condition would apply a rule to everything. What no
rule names is masked. `Policy.digest` names the effective policy, defaults included, in every event and record.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from staithe.kernel.vocabulary import Classification, Tier

RULES_MAX: Final = 1_000
"""More could not be reviewed; each finding is compared with those that fit its document."""

ANY: Final = "*"
DEFAULT_RULE: Final = "default"
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_CONTENT_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,126}")
_RULE_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Action(StrEnum):
    """What may happen to a finding, or to the whole document."""

    KEEP = "keep"
    MASK = "mask"
    PSEUDONYMISE = "pseudonymise"
    """A name that stands for the value everywhere in the tenant; whoever may re-identify gets the value back."""
    HASH = "hash"
    """The same, but nothing leads back."""
    GENERALISE = "generalise"
    """Dates become years, ages bands, addresses regions, network addresses /16; what has no coarser form is masked."""
    SHIFT_DATE = "shift_date"
    """Every date of a document moves by the same secret number of days; what is no date is masked."""
    DROP = "drop"
    QUARANTINE = "quarantine"
    """The document is held until somebody has looked at it."""
    BLOCK = "block"
    """The document is refused."""


HOLDING: Final = (Action.QUARANTINE, Action.BLOCK)


class Verdict(StrEnum):
    """What happens to a document as a whole."""

    PASS = "pass"  # noqa: S105 - no password
    QUARANTINE = "quarantine"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class DocumentLabels:
    """What of a document rules may depend on."""

    tenant_id: str
    source: str = ""
    tier: Tier = Tier.OFFICE
    classification: Classification = Classification.INTERNAL


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _named(value: str) -> str:
    if value != ANY and not _NAME.fullmatch(value):
        raise ValueError("is UPPER_SNAKE, such as EMAIL, or '*' for all")
    return value


def _tier(value: object) -> object:
    return Tier.__members__.get(value, value) if isinstance(value, str) else value


def _content_type(value: str) -> str:
    if not _CONTENT_TYPE.fullmatch(value):
        raise ValueError("is a content type in lower case without parameters, such as text/html")
    return value


Named = Annotated[str, AfterValidator(_named)]
ContentType = Annotated[str, AfterValidator(_content_type)]


class When(_Strict):
    """Which documents a rule is for; an empty list means all."""

    tenants: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tiers: tuple[Annotated[Tier, BeforeValidator(_tier)], ...] = ()
    classifications: tuple[Classification, ...] = ()

    def holds(self, labels: DocumentLabels) -> bool:
        """Whether a document with these labels is meant."""
        pairs = (
            (self.tenants, labels.tenant_id), (self.sources, labels.source), (self.tiers, labels.tier),
            (self.classifications, labels.classification),
        )  # fmt: skip
        return all(not wanted or value in wanted for wanted, value in pairs)


class _Rule(_Strict):
    id: str
    when: When = When()
    action: Action
    reason_code: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "_Rule":
        if not _RULE_ID.fullmatch(self.id) or self.id == DEFAULT_RULE:
            raise ValueError(f"the rule id {self.id!r} must be words of a-z and 0-9 joined by '-', and not 'default'")
        if (self.action in HOLDING) != (self.reason_code is not None):
            raise ValueError(f"{self.id}: `reason_code` goes with quarantine and block, and only with them")
        if self.reason_code is not None and not _NAME.fullmatch(self.reason_code):
            raise ValueError(f"{self.id}: a reason code is UPPER_SNAKE")
        return self


class EntityRule(_Rule):
    """What to do with findings of some entities, from `min_score` upwards (0 to 1)."""

    entities: tuple[Named, ...] = Field(min_length=1)
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)


class SignalRule(_Rule):
    """When to hold a document for something other than a finding: a score from 0 to 1, or a count."""

    signal: str = Field(pattern="^[A-Z][A-Z0-9_]{1,63}$")
    at_least: float = Field(gt=0)
    action: Literal[Action.KEEP, Action.QUARANTINE, Action.BLOCK]


class TypeRule(_Rule):
    """Which types documents may be of, as ingestion recognised them by their bytes; any other is held."""

    allow: tuple[ContentType, ...] = Field(min_length=1)
    action: Literal[Action.QUARANTINE, Action.BLOCK]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule says."""

    rule: str
    action: Action
    reason_code: str | None = None


_DEFAULT: Final = Decision(DEFAULT_RULE, Action.MASK)


class Policy(_Strict):
    """All rules, in order."""

    version: Literal[1]
    name: str = Field(min_length=1, max_length=200)
    entities: tuple[EntityRule, ...] = Field(max_length=RULES_MAX)
    signals: tuple[SignalRule, ...] = Field(default=(), max_length=RULES_MAX)
    content_types: tuple[TypeRule, ...] = Field(default=(), max_length=RULES_MAX)

    @model_validator(mode="after")
    def _every_rule_has_its_own_id(self) -> "Policy":
        seen: set[str] = set()
        for rule in (*self.entities, *self.signals, *self.content_types):
            if rule.id in seen:
                raise ValueError(f"two rules have the id {rule.id}")
            seen.add(rule.id)
        return self

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the policy as canonical JSON: keys sorted, defaults written out, no white space."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).digest()

    def ruling_for(self, labels: DocumentLabels) -> "Ruling":
        """The rules that are for documents with these labels."""
        return Ruling(
            tuple(each for each in self.entities if each.when.holds(labels)),
            tuple(each for each in self.signals if each.when.holds(labels)),
            tuple(each for each in self.content_types if each.when.holds(labels)),
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """The rules that apply to one document."""

    entities: tuple[EntityRule, ...]
    signals: tuple[SignalRule, ...]
    content_types: tuple[TypeRule, ...] = ()

    def on_finding(self, entity: str, score: float) -> Decision:
        """The first rule that names the entity and asks for no more confidence; to mask when there is none."""
        for rule in self.entities:
            if score >= rule.min_score and (entity in rule.entities or ANY in rule.entities):
                return Decision(rule.id, rule.action, rule.reason_code)
        return _DEFAULT

    def on_signals(self, signals: Mapping[str, float]) -> tuple[Decision, ...]:
        """What the first fitting rule of each signal says of these values; what no rule reaches is left out."""
        decided: dict[str, Decision] = {}
        for rule in self.signals:
            if rule.signal not in decided and signals.get(rule.signal, 0) >= rule.at_least:
                decided[rule.signal] = Decision(rule.id, rule.action, rule.reason_code)
        return tuple(decided.values())

    def on_content_type(self, content_type: str) -> tuple[Decision, ...]:
        """What the first rule says of a type that it does not allow; nothing where it does or there is no rule."""
        if not self.content_types or content_type in self.content_types[0].allow:
            return ()
        rule = self.content_types[0]
        return (Decision(rule.id, rule.action, rule.reason_code),)


def verdict_of(decisions: tuple[Decision, ...]) -> Verdict:
    """The strictest thing that any rule says of the document."""
    actions = {each.action for each in decisions}
    if Action.BLOCK in actions:
        return Verdict.BLOCK
    return Verdict.QUARANTINE if Action.QUARANTINE in actions else Verdict.PASS
