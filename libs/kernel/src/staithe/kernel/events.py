"""The events of Staithe, decoded: one frozen class per schema in `schemas/`.

Fields and meanings are those of the schemas, which a contract test checks; times are milliseconds since the epoch.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from staithe.kernel.stopped import DeadLetterSettled, DocumentHeld, DocumentRefused, DocumentReviewed
from staithe.kernel.vocabulary import Access, DocumentId, Operation, TenantId, event_key


class Outcome(StrEnum):
    """How an audited action ended."""

    SUCCESS = "SUCCESS"
    REFUSED = "REFUSED"
    FAILURE = "FAILURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageStep:
    """What one stage did to a document, signed by it."""

    service: str
    code_version: str
    input_sha256: bytes
    output_sha256: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentClaim:
    """The sealed content of a large document, which lies in the object store (a claim check)."""

    sealed_bytes: int
    sealed_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSubmitted:
    """`documents.submitted.v1`: a source hands over a document, or asks for its erasure."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int = 0
    operation: Operation = Operation.UPSERT
    occurred_at: int
    access: Access | None = None
    retention_until: int | None = None
    residency: str = "eu"
    content_sha256: bytes | None = None
    source: str = ""
    name: str = ""
    content_type: str = ""
    content: bytes = b""
    sealed_content: bytes | None = None
    claim: ContentClaim | None = None

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEvent:
    """What every event about one version of one document carries from ingestion onwards."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    operation: Operation
    occurred_at: int
    access: Access
    retention_until: int | None = None
    residency: str
    content_sha256: bytes
    lineage: tuple[LineageStep, ...] = ()

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIngested(DocumentEvent):
    """`documents.ingested.v1`: parsed and versioned; what can be read is sealed for sanitization."""

    source: str
    content_type: str
    sealed_text: bytes
    signals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSanitized(DocumentEvent):
    """`documents.sanitized.v1`: the text is safe to index, and sealed for embedding."""

    source: str
    content_type: str
    sealed_text: bytes
    findings: Mapping[str, int] = field(default_factory=dict)
    policy_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuarantined(DocumentEvent):
    """`documents.quarantined.v1`: held until somebody has looked at it."""

    source: str
    content_type: str
    reason_codes: tuple[str, ...]
    sealed_text: bytes
    findings: Mapping[str, int] = field(default_factory=dict)
    policy_sha256: bytes
    sealed_original: bytes = b""
    signals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A span of the sanitized text with its embedding (float32 little-endian, unit norm) and blind index terms."""

    ordinal: int
    span_start: int
    span_end: int
    text_sha256: bytes
    sealed_text: bytes
    embedding: bytes
    terms: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksEmbedded(DocumentEvent):
    """`chunks.embedded.v1`: all chunks of one version, so that it is indexed whole or not at all."""

    source: str
    model_digest: bytes
    dimensions: int
    chunks: tuple[Chunk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIndexed(DocumentEvent):
    """`documents.indexed.v1`: the version is searchable, or its erasure from the index is complete."""

    source: str
    model_digest: bytes
    chunk_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What an erasure removed; `event_id` and `keys_event_id` are of the audit events of index and key service."""

    event_id: str
    keys_event_id: str
    completed_at: int
    rows_removed: int
    secrets_destroyed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCurrent:
    """`documents.current.v1`: the authority on what may be served about one document."""

    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    access: Access
    retention_until: int | None = None
    residency: str
    content_sha256: bytes
    erased: bool
    chunk_count: int
    occurred_at: int
    erasure: Erasure | None = None

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SanitizationRecorded:
    """`sanitizations.recorded.v1`: what was found in the newest version of a document and done to it, signed."""

    event_id: str
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    occurred_at: int
    record: bytes
    record_sha256: bytes
    signature: bytes

    @property
    def key(self) -> bytes:
        return event_key(self.tenant_id, self.document_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """`audit.events.v1`: one action, without personal data."""

    event_id: str
    occurred_at: int
    service: str
    action: str
    outcome: Outcome
    reason_code: str = ""
    tenant_id: str = ""
    subject_sha256: bytes | None = None
    document_version: int = 0
    input_sha256: bytes | None = None
    output_sha256: bytes | None = None
    traceparent: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> bytes:
        return self.event_id.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """`<topic>.dlq`: a record that can never be processed, whole and sealed, with where and why."""

    event_id: str
    occurred_at: int
    service: str
    topic: str
    partition: int
    offset: int
    reason_code: str
    message: str
    sealed_record: bytes
    record_sha256: bytes
    record_bytes: int
    traceparent: str = ""
    sealed_format: int = 1
    tenant_id: str = ""
    document_id: str = ""

    @property
    def place(self) -> str:
        """Where the record was: topic, partition and offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def key(self) -> bytes:
        return self.place.encode()


Event = (
    DocumentSubmitted
    | DocumentIngested
    | DocumentSanitized
    | DocumentQuarantined
    | ChunksEmbedded
    | DocumentIndexed
    | DocumentCurrent
    | SanitizationRecorded
    | DocumentHeld
    | DocumentReviewed
    | DocumentRefused
    | AuditEvent
    | DeadLettered
    | DeadLetterSettled
)

EVENT_CLASSES: Mapping[str, type[Event]] = {
    "documents/submitted.v1": DocumentSubmitted,
    "documents/ingested.v1": DocumentIngested,
    "documents/sanitized.v1": DocumentSanitized,
    "documents/quarantined.v1": DocumentQuarantined,
    "chunks/embedded.v1": ChunksEmbedded,
    "documents/indexed.v1": DocumentIndexed,
    "documents/current.v1": DocumentCurrent,
    "sanitizations/recorded.v1": SanitizationRecorded,
    "audit/events.v1": AuditEvent,
    "documents/held.v1": DocumentHeld,
    "documents/reviewed.v1": DocumentReviewed,
    "documents/refused.v1": DocumentRefused,
    "dead_letters/recorded.v1": DeadLettered,
    "dead_letters/settled.v1": DeadLetterSettled,
}
"""Schema name (path under `schemas/` without its suffix) to event class."""


def document_subject(tenant: TenantId, document: DocumentId) -> bytes:
    """The digest that stands for a document in the audit log.

    Whoever knows the document's id can compute it; the log alone does not reveal the id unless it can be guessed.
    """
    return hashlib.sha256(b"staithe/document/v1\x00" + event_key(tenant, document)).digest()
