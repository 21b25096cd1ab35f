"""Ingests one submitted document: check, parse in the limited child, hash, version, seal for sanitization."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from staithe.ingestion.policy import check_submitted, version_of
from staithe.ingestion.submission import (
    SEALED_OVERHEAD_BYTES_MAX,
    ClaimedObjects,
    SizeLimits,
    checked_out,
    opened,
    sealed_with,
)
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import Clock
from staithe.kernel.content import NOTHING_TO_READ, Readable
from staithe.kernel.crypto.sealing import KeysNeeded, Opener, SealContext, Sealer
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import DocumentIngested, DocumentSubmitted, Event
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import DOCUMENT_BYTES_MAX, TEXT_CHARACTERS_MAX
from staithe.kernel.lineage import LineageAuthor, sha256
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.telemetry import Headers, traceparent_of
from staithe.kernel.vocabulary import Operation

INGESTED_TOPIC = "documents.ingested.v1"
DOCUMENT_PURPOSE = "document"


class Parsed(Protocol):
    """What a parser found."""

    @property
    def text(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def content_type(self) -> str: ...
    @property
    def signals(self) -> Mapping[str, int]: ...


class Parser(Protocol):
    """Turns untrusted bytes into text; thread-safe."""

    def parse(self, content: bytes, declared: str) -> Parsed:
        """The text; raises InvalidEvent with a reason code, or Unavailable when no child is free."""
        ...


class _Erased:
    """What "parsing" an erasure gives."""

    text, title, content_type = "", None, ""
    signals: Mapping[str, int] = {}


class IngestionStage:
    """documents.submitted.v1 → documents.ingested.v1."""

    def __init__(
        self, parser: Parser, *, objects: ClaimedObjects, limits: SizeLimits, opener: Opener, sealer: Sealer,
        author: LineageAuthor, clock: Clock,
    ) -> None:  # fmt: skip
        self._parser, self._objects, self._limits = parser, objects, limits
        self._opener, self._sealer = opener, sealer
        self._author, self._clock = author, clock
        self._audit = AuditAuthor("ingestion", clock)

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        if not isinstance(event, DocumentSubmitted):
            raise InvalidEvent("not a DocumentSubmitted", reason_code="EVENT_TYPE")
        event = self._checked(event)
        parsed: Parsed = (
            _Erased() if event.operation is Operation.ERASE else self._parser.parse(event.content, event.content_type)
        )
        if len(parsed.text) > TEXT_CHARACTERS_MAX:
            raise InvalidEvent(
                f"the text has more than {TEXT_CHARACTERS_MAX} characters: split the document",
                reason_code="TEXT_TOO_LARGE",
            )
        ingested = self._ingested(event, parsed)
        audit = self._audit.about_document(
            "document.ingested", event, input_sha256=ingested.content_sha256,
            output_sha256=ingested.lineage[-1].output_sha256, traceparent=traceparent_of(headers),
            attributes={"operation": event.operation.value, "content_bytes": str(len(event.content))},
        )  # fmt: skip
        return [Emit(INGESTED_TOPIC, ingested), Emit(AUDIT_TOPIC, audit)]

    def _checked(self, event: DocumentSubmitted) -> DocumentSubmitted:
        """`event` in clear and within its bounds, which are an event's own unless the content was claimed."""
        bytes_max = self._limits.document_bytes_max(event.tenant_id)
        if event.claim is None or event.operation is Operation.ERASE:
            bytes_max = min(bytes_max, DOCUMENT_BYTES_MAX)
        else:
            if event.claim.sealed_bytes > bytes_max + SEALED_OVERHEAD_BYTES_MAX:
                raise InvalidEvent(
                    f"a document of this tenant may have {bytes_max} bytes", reason_code="DOCUMENT_TOO_LARGE"
                )
            event = checked_out(event, self._objects)
        event = opened(event, self._opener)
        access = check_submitted(event, now_ms=self._clock.now_ms(), content_bytes_max=bytes_max)
        return replace(event, access=access, document_version=version_of(event))

    def _ingested(self, event: DocumentSubmitted, parsed: Parsed) -> DocumentIngested:
        assert event.access is not None  # noqa: S101 - __call__ has put the checked labels in
        title, content_sha256 = parsed.title or event.name, sha256(event.content)
        readable = (
            NOTHING_TO_READ
            if event.operation is Operation.ERASE
            else Readable(event.name, title if parsed.text else "", parsed.text)
        )
        ingested = DocumentIngested(
            event_id=new_event_id(self._clock.now_ms()), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, operation=event.operation, occurred_at=event.occurred_at,
            access=event.access, retention_until=event.retention_until, residency=event.residency,
            content_sha256=content_sha256, source=event.source, content_type=parsed.content_type,
            sealed_text=self._sealed(event, readable), signals=parsed.signals,
        )  # fmt: skip
        lineage = self._author.extended(ingested, (), input_sha256=content_sha256, output_sha256=readable.digest())
        return replace(ingested, lineage=lineage)

    def _sealed(self, event: DocumentSubmitted, readable: Readable) -> bytes:
        if event.operation is Operation.ERASE:
            return b""
        return self._sealer.seal(_context(event, event.document_version), readable.encode())


def keys_needed(event: Event) -> KeysNeeded:
    """What the stage will open and seal for an event that it passes on."""
    if not isinstance(event, DocumentSubmitted) or event.operation is Operation.ERASE:
        return KeysNeeded()
    blob = sealed_with(event)
    return KeysNeeded(opens=(blob,) if blob else (), seals=(_context(event, version_of(event)),))


def _context(event: DocumentSubmitted, document_version: int) -> SealContext:
    return SealContext(DOCUMENT_PURPOSE, event.tenant_id, event.document_id, document_version)
