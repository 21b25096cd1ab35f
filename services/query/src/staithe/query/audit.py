"""The record of who was told what: every answer is sent only after its audit event is durable.

Questions and subjects appear as HMAC-SHA256 under this service's key, so that whoever reads the log cannot try
likely questions or names against it; whoever holds the key can show that a given question was asked. Without a key
file the key lives as long as the process: digests then link the events of one run and prove nothing later.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from staithe.kernel.clock import Clock
from staithe.kernel.content import chunk_digest
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.files import read_secret
from staithe.kernel.identity.caller import Caller
from staithe.kernel.ids import new_event_id
from staithe.kernel.provenance import (
    BY_GROUP,
    BY_TIER,
    CHUNKS_CITED_MAX,
    CITATIONS_LISTED_MAX,
    CitedPassage,
    quote_digest,
    spell_citations,
)
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.query.answer import Answer, Citation
from staithe.query.ports import EventPublisher
from staithe.query.worker import BoundedWorker
from staithe.vectors.store.rows import StoredChunk

AUDIT_TOPIC: Final = "audit.events.v1"
SERVICE: Final = "query"
KEY_BYTES_MIN: Final = 32
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class KeyedDigest:
    """HMAC-SHA256 with a domain of its own for each kind of text."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path | None) -> "KeyedDigest":
        """Under the key in `path`, or a fresh one; raises ConfigurationError when the file holds too little."""
        if path is None:
            return cls(secrets.token_bytes(KEY_BYTES_MIN))
        key = read_secret(path)
        if len(key) < KEY_BYTES_MIN:
            raise ConfigurationError(
                f"{path} must hold at least {KEY_BYTES_MIN} random bytes", reason_code="AUDIT_KEY_SHORT"
            )
        return cls(key)

    def of(self, kind: str, text: str) -> bytes:
        """The digest of `text` as a `kind`, such as "question"; 32 bytes."""
        return hmac.digest(self._key, f"staithe/query/{kind}/v1\0{text}".encode(), "sha256")

    def of_caller(self, tenant_id: TenantId, subject: str) -> str:
        """What stands for a caller in the log, in hexadecimal; `subject` is the `sub` of their token."""
        return self.of("subject", f"{tenant_id}\0{subject}").hex()


class AuditTrail:
    """Writes this service's audit events and waits until each is durable."""

    def __init__(self, publisher: EventPublisher, worker: BoundedWorker, clock: Clock, digest: KeyedDigest) -> None:
        self._publisher, self._worker, self._clock, self._digest = publisher, worker, clock, digest

    def new_id(self) -> str:
        """An id for an answer and its audit event alike."""
        return new_event_id(self._clock.now_ms())

    def of_question(self, caller: Caller, question: str) -> bytes:
        """The digest that stands for a question of this tenant."""
        return self._digest.of("question", f"{caller.tenant_id}\0{question}")

    def salt_of(self, answer_id: str) -> bytes:
        """What the digests of an answer's quotations are salted with; the caller gets it with the answer.

        It follows from this service's key, so that it can be given again, to the same caller, with the evidence.
        """
        return self._digest.of("salt", answer_id)

    async def record(
        self, action: str, *, caller: Caller | None, outcome: Outcome = Outcome.SUCCESS, reason_code: str = "",
        event_id: str | None = None, subject_sha256: bytes | None = None, document_version: int = 0,
        response: bytes | None = None, traceparent: str = "", attributes: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Return once the event is durable; raise Unavailable or AccessDenied otherwise.

        `response` is the body that will be sent; its digest goes into the event. An answer holds a salt that only its
        caller knows, so that nobody can try likely answers against the digest.
        """
        now = self._clock.now_ms()
        event = AuditEvent(
            event_id=event_id or new_event_id(now), occurred_at=now, service=SERVICE, action=action, outcome=outcome,
            reason_code=reason_code, tenant_id=caller.tenant_id if caller else "", subject_sha256=subject_sha256,
            document_version=document_version,
            output_sha256=None if response is None else hashlib.sha256(response).digest(),
            traceparent=traceparent, attributes={**(attributes or {}), **self._who(caller)},
        )  # fmt: skip
        await self._worker.run(self._publisher.publish, AUDIT_TOPIC, event)

    async def record_document(
        self, action: str, document: tuple[TenantId, DocumentId], *, caller: Caller,
        outcome: Outcome = Outcome.SUCCESS, reason_code: str = "", document_version: int = 0,
        event_id: str | None = None, response: bytes | None = None, traceparent: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """As `record`, about one document, which appears as a digest only."""
        await self.record(
            action, caller=caller, outcome=outcome, reason_code=reason_code, event_id=event_id,
            subject_sha256=document_subject(*document), document_version=document_version, response=response,
            traceparent=traceparent, attributes=attributes,
        )  # fmt: skip

    def caller_hmac(self, caller: Caller) -> str:
        """What stands for the caller in the log, in hexadecimal."""
        return self._digest.of_caller(caller.tenant_id, caller.subject)

    def _who(self, caller: Caller | None) -> Mapping[str, str]:
        if caller is None:
            return {}
        return {"caller_hmac": self.caller_hmac(caller), "tier": str(int(caller.tier))}


def citation_attributes(answer: Answer, salt: bytes) -> dict[str, str]:
    """What the audit event of an answer says of its citations: versions and chunks by digest, never a word of them."""
    cited = [_cited(each, salt) for each in answer.citations[:CITATIONS_LISTED_MAX]]
    attributes = {"citations": str(len(answer.citations))}
    return attributes | {"cited": spell_citations(cited)} if cited else attributes


def shown_attributes(chunks: Sequence[StoredChunk]) -> dict[str, str]:
    """Which versions the audit event of a search says it showed: `subject:version` of each once, joined by `;`.

    So that the log can tell who saw which document, also where nothing was cited.
    """
    shown = dict.fromkeys(
        f"{document_subject(each.tenant_id, each.document_id).hex()}:{each.document_version}" for each in chunks
    )
    return {"shown": ";".join(shown)} if shown else {}


def _cited(citation: Citation, salt: bytes) -> CitedPassage:
    chunk = citation.chunk
    return CitedPassage(
        subject_sha256=document_subject(chunk.tenant_id, chunk.document_id), document_version=chunk.document_version,
        tier=int(chunk.access.tier), basis=BY_GROUP if chunk.access.groups else BY_TIER,
        span_start=citation.start, span_end=citation.end, quote_sha256=quote_digest(salt, citation.quote),
        chunk_sha256s=tuple(chunk_digest(each) for each in citation.sources[:CHUNKS_CITED_MAX]),
    )  # fmt: skip


def traceparent_from(header: str) -> str:
    """A caller's traceparent (W3C Trace Context), or nothing when it is not one: it goes into the log as it is."""
    return header if _TRACEPARENT.fullmatch(header) else ""
