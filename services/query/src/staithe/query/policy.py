"""Who may be shown what, and why not. Pure: no I/O, no clock; the current event decides, never the row alone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import Classification, Tier
from staithe.vectors.store.rows import StoredChunk

SCOPE_SEARCH: Final = "search"
SCOPE_READ: Final = "read"
SCOPE_ERASE: Final = "erase"
SCOPE_AUDIT: Final = "audit"
"""Sees the evidence of every answer of the tenant; it holds no content."""


class Rules(Protocol):
    """What a site takes away beyond tenant, tier and groups."""

    def denies(self, caller: Caller, current: DocumentCurrent, now_ms: int) -> bool:
        """Whether the document is hidden from the caller now. Pure."""
        ...


class Refusal(StrEnum):
    """Why a document or a chunk is not served. For metrics and the audit log; callers are never told which."""

    ABSENT = "ABSENT"
    OTHER_TENANT = "OTHER_TENANT"
    ERASED = "ERASED"
    EXPIRED = "EXPIRED"
    NOT_PERMITTED = "NOT_PERMITTED"
    RULE = "RULE"
    SUPERSEDED = "SUPERSEDED"
    OTHER_MODEL = "OTHER_MODEL"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed with a provider of a language model: which documents' text may be sent to it."""

    tiers: frozenset[Tier]
    residencies: frozenset[str]
    classifications: frozenset[Classification]


def may_leave(current: DocumentCurrent, terms: Terms) -> bool:
    """Whether the document's text may be sent under `terms`, by its labels of now. Tier 3 never leaves."""
    labels = current.access
    return (
        labels.tier is not Tier.ENGINEERING
        and labels.tier in terms.tiers
        and labels.classification in terms.classifications
        and current.residency in terms.residencies
    )


def refuse_document(caller: Caller, current: DocumentCurrent | None, *, now_ms: int, rules: Rules) -> Refusal | None:
    """Why `caller` may not be shown the document, or None when they may."""
    if current is None:
        return Refusal.ABSENT
    if current.tenant_id != caller.tenant_id:
        return Refusal.OTHER_TENANT
    if current.erased:
        return Refusal.ERASED
    if current.retention_until is not None and current.retention_until <= now_ms:
        return Refusal.EXPIRED
    return _refuse_labels(caller, current, now_ms=now_ms, rules=rules)


def _refuse_labels(caller: Caller, current: DocumentCurrent, *, now_ms: int, rules: Rules) -> Refusal | None:
    """By who the document is for, wherever else it stands."""
    if not caller.may_see(current.tenant_id, current.access):
        return Refusal.NOT_PERMITTED
    return Refusal.RULE if rules.denies(caller, current, now_ms) else None


def refuse_chunk(
    caller: Caller,
    chunk: StoredChunk,
    current: DocumentCurrent | None,
    *,
    now_ms: int,
    model_digest: bytes,
    rules: Rules,
) -> Refusal | None:
    """Why `caller` may not be shown the chunk, or None when they may.

    `current` is what is known of the chunk's document. The chunk's own labels are not trusted: they are as old as it.
    """
    if chunk.tenant_id != caller.tenant_id:
        return Refusal.OTHER_TENANT
    refusal = refuse_document(caller, current, now_ms=now_ms, rules=rules)
    if refusal is not None or current is None:
        return refusal or Refusal.ABSENT
    if current.document_id != chunk.document_id:
        return Refusal.ABSENT
    if current.document_version != chunk.document_version:
        return Refusal.SUPERSEDED
    return None if chunk.model_digest == model_digest else Refusal.OTHER_MODEL


def refuse_erasure(caller: Caller, current: DocumentCurrent | None, *, now_ms: int, rules: Rules) -> Refusal | None:
    """Why `caller`, who has the scope, may not erase the document; one whose retention is over may still be erased."""
    refusal = refuse_document(caller, current, now_ms=now_ms, rules=rules)
    if refusal is Refusal.EXPIRED and current is not None:
        return _refuse_labels(caller, current, now_ms=now_ms, rules=rules)
    return refusal


def refuse_receipt(caller: Caller, current: DocumentCurrent | None, *, now_ms: int, rules: Rules) -> Refusal | None:
    """Why `caller`, who has the scope, may not be shown what was erased; the labels of the erasure decide."""
    if current is None:
        return Refusal.ABSENT
    if current.tenant_id != caller.tenant_id:
        return Refusal.OTHER_TENANT
    return _refuse_labels(caller, current, now_ms=now_ms, rules=rules)


def erasure_version(current: DocumentCurrent, *, now_ms: int) -> int:
    """The version an erasure takes: above the current one even when its source's clock runs ahead."""
    return max(now_ms, current.document_version + 1)
