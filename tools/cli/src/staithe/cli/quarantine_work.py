"""What is held and why, for whoever reviews it: the command line and the desk."""

from typing import Any, Final

from staithe.cli.api import Api
from staithe.cli.local import REVIEW_SCOPES, LocalStack, Who
from staithe.cli.preview import masked
from staithe.kernel.clock import SystemClock
from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import Opener, SealContext
from staithe.kernel.errors import ConfigurationError, Erased, Integrity
from staithe.kernel.events import DocumentQuarantined
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState

HELD_TOPIC: Final = "documents.held.v1"
QUARANTINED_TOPIC: Final = "documents.quarantined.v1"
REVIEWED_TOPIC: Final = "documents.reviewed.v1"


def holds(stack: LocalStack) -> list[dict[str, Any]]:
    """Every newest hold with what was said about it, oldest first."""
    codec = stack.codec()
    try:
        newest: dict[bytes, DocumentHeld] = {}
        words: dict[bytes, DocumentReviewed] = {}
        for event in stack.events([HELD_TOPIC, REVIEWED_TOPIC], codec):
            if isinstance(event, DocumentHeld):
                known = newest.get(event.key)
                if known is None or event.document_version >= known.document_version:
                    newest[event.key] = event
            elif isinstance(event, DocumentReviewed):
                words[event.key] = event
    finally:
        codec.close()
    now = SystemClock().now_ms()
    return [_row(each, words.get(each.key), now) for each in sorted(newest.values(), key=lambda each: each.occurred_at)]


def _row(hold: DocumentHeld, word: DocumentReviewed | None, now_ms: int) -> dict[str, Any]:
    state = hold.state.value.lower()
    asked = word is not None and word.held_event_id == hold.event_id and word.decision is Decision.ASKED
    return {
        "tenant_id": hold.tenant_id, "document_id": hold.document_id, "document_version": hold.document_version,
        "state": "asked" if asked and hold.state is HoldState.HELD else state, "reason_codes": list(hold.reason_codes),
        "waive": list(word.waived_reasons) if asked and word is not None else [],
        "age_seconds": max(0, now_ms - hold.occurred_at) // 1000, "event_id": hold.event_id,
    }  # fmt: skip


def quarantined(stack: LocalStack, event_id: str) -> DocumentQuarantined:
    """What is held, sealed; raises ConfigurationError when its topic no longer has it."""
    codec = stack.codec()
    try:
        for event in stack.events([QUARANTINED_TOPIC], codec):
            if isinstance(event, DocumentQuarantined) and event.event_id == event_id:
                return event
    finally:
        codec.close()
    raise ConfigurationError("what was held is gone: its topic keeps it for 30 days", reason_code="HELD_GONE")


def preview_of(event: DocumentQuarantined, opener: Opener) -> str:
    """The beginning of what is held, masked."""
    context = SealContext("quarantine", event.tenant_id, event.document_id, event.document_version)
    try:
        readable = Readable.decode(opener.open(context, event.sealed_text))
    except (Integrity, Erased):
        return "(sealed under a key that is gone or not the operator's)"
    return masked(f"{readable.name}\n{readable.title}\n\n{readable.text}")


def open_hold(stack: LocalStack, tenant: str, document_id: str, version: int | None) -> dict[str, Any]:
    """The row of what is held of a document; raises ConfigurationError when it is not, or not in this version."""
    for each in holds(stack):
        named = (each["tenant_id"], each["document_id"]) == (tenant, document_id)
        if named and each["state"] in ("held", "asked") and version in (None, each["document_version"]):
            return each
    raise ConfigurationError(
        "this version of this document is not held: `staithe quarantine list --all` shows what became of it",
        reason_code="NOT_HELD",
    )


def review_api(stack: LocalStack, tenant: str, reviewer: str, groups: list[str] | None) -> Api:
    """The review API, as this reviewer by a development token."""
    return Api(stack, "ingestion", Who(tenant, 3, tuple(groups or ()), reviewer), REVIEW_SCOPES)
