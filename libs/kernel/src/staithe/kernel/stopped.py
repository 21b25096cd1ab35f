"""Events about what stopped on its way: what people did with it, and what a source may be told. No content.

One frozen class per schema, as in `staithe.kernel.events`.
"""

from dataclasses import dataclass
from enum import StrEnum

from staithe.kernel.vocabulary import Access, DocumentId, TenantId, event_key


class LetterState(StrEnum):
    """What was done with a dead letter; one without a state is open."""

    REPLAYED = "REPLAYED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSettled:
    """`letters.settled.v1`: what an operator did with a dead letter."""

    event_id: str
    state: LetterState
    topic: str
    partition: int
    offset: int
    occurred_at: int
    replays: int
    reason: str = ""

    @property
    def key(self) -> bytes:
        return self.event_id.encode()


class RefusalState(StrEnum):
    """Whether a refused version still lies among the dead letters."""

    DEAD_LETTERED = "DEAD_LETTERED"
    REPLAYED = "REPLAYED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRefused:
    """`documents.refused.v1`: a version lies among the dead letters, or is on its way again."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    access: Access | None = None
    state: RefusalState
    service: str
    reason_code: str
    occurred_at: int

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


class HoldState(StrEnum):
    """Where a version that met quarantine stands."""

    HELD = "HELD"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentHeld:
    """`documents.held.v1`: whether the newest version that met quarantine is still in it."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    access: Access
    state: HoldState
    reason_codes: tuple[str, ...] = ()
    settled_by: str = ""
    occurred_at: int

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


class Decision(StrEnum):
    """A reviewer's word, or that of time."""

    ASKED = "ASKED"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentReviewed:
    """`documents.reviewed.v1`: a word on a held version, signed by ingestion, which verified who spoke."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    held_event_id: str
    decision: Decision
    waived_reasons: tuple[str, ...] = ()
    asked_by: bytes = b""
    decided_by: bytes = b""
    occurred_at: int
    signature: bytes = b""

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)

    def signed_bytes(self) -> bytes:
        """What the signature covers: every other field, length-prefixed, so that no two reviews have the same bytes."""
        reasons = (str(len(self.waived_reasons)), *self.waived_reasons)
        words = (
            "staithe/review/v1", self.event_id, self.tenant_id, self.document_id, str(self.document_version),
            self.held_event_id, self.decision.value, str(self.occurred_at), *reasons,
        )  # fmt: skip
        fields = (*(each.encode() for each in words), self.asked_by, self.decided_by)
        return b"".join(len(each).to_bytes(4, "big") + each for each in fields)
