"""The sanitization record of one version: what looked at it, what was found and done, and under which policy.

It holds counts, places and keyed digests, never a value: whoever reads it learns where a document had a telephone
number, not which. Canonical JSON (RFC 8785: integers only, sorted keys), signed with Ed25519 over a domain of its own.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import DocumentIngested, SanitizationRecorded, document_subject
from staithe.kernel.ids import new_event_id
from staithe.kernel.lineage import sha256
from staithe.sanitization.document import SafeDocument

FORMAT: Final = "staithe/sanitization-record/v1"
SPANS_MAX: Final = 20_000
"""About 5 MB of record, which still fits a topic's record; further findings are counted and not placed."""


class Digests(Protocol):
    """Keyed digests of values."""

    def digest(self, tenant_id: str, context: bytes, value: str) -> bytes: ...


class RecordAuthor:
    """Writes and signs records in the name of this service."""

    def __init__(self, *, code_version: str, signer: Signer, digests: Digests) -> None:
        self._code_version, self._signer, self._digests = code_version, signer, digests

    def record(
        self, event: DocumentIngested, document: SafeDocument, *, policy_sha256: bytes, detectors: Mapping[str, str],
        input_sha256: bytes, output_sha256: bytes | None, now_ms: int,
    ) -> SanitizationRecorded:  # fmt: skip
        """The signed record; `output_sha256` is None when the document was held."""
        findings = list(document.findings())
        body = {
            "format": FORMAT, "tenant_id": event.tenant_id,
            "document_sha256": document_subject(event.tenant_id, event.document_id).hex(),
            "document_version": event.document_version, "operation": event.operation.value,
            "code_version": self._code_version, "detectors": dict(detectors), "policy_sha256": policy_sha256.hex(),
            "input_sha256": input_sha256.hex(), "output_sha256": output_sha256.hex() if output_sha256 else None,
            "verdict": document.verdict.value, "reason_codes": list(document.reason_codes),
            "signals_permille": {name: round(value * 1000) for name, value in document.signals.items()},
            "counts": _counts(document), "spans": list(self._spans(event, document)),
            "spans_left_out": max(0, len(findings) - SPANS_MAX),
        }  # fmt: skip
        encoded = canonical(body)
        return SanitizationRecorded(
            event_id=new_event_id(now_ms), tenant_id=event.tenant_id, document_id=event.document_id,
            document_version=event.document_version, occurred_at=now_ms, record=encoded,
            record_sha256=sha256(encoded), signature=self._signer.sign(signed_bytes(encoded)),
        )  # fmt: skip

    def _spans(self, event: DocumentIngested, document: SafeDocument) -> Iterator[dict[str, Any]]:
        # The version is in the context, so that equal values of two versions cannot be told from different ones.
        context = f"{event.tenant_id}/{event.document_id}/{event.document_version}".encode()
        for number, (field, each) in enumerate(document.findings()):
            if number == SPANS_MAX:
                return
            yield {
                "field": field, "start": each.start, "end": each.end, "entity": each.entity,
                "action": each.decision.action.value, "rule": each.decision.rule, "detector": each.detector,
                "score_permille": round(each.score * 1000),
                "value_hmac": self._digests.digest(event.tenant_id, context, each.value).hex(),
            }  # fmt: skip


def canonical(body: Mapping[str, Any]) -> bytes:
    """RFC 8785 for what records hold: strings, integers, lists, objects with ASCII keys."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_bytes(record: bytes) -> bytes:
    """What the signature of a record covers."""
    return FORMAT.encode() + b"\0" + record


def _counts(document: SafeDocument) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for _, each in document.findings():
        actions = counts.setdefault(each.entity, {})
        actions[each.decision.action.value] = actions.get(each.decision.action.value, 0) + 1
    return counts
