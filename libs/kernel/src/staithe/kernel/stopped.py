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
