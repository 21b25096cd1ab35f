"""What a source is told of its document: the newest version that got anywhere, and where it is. Pure."""

from typing import Any

from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.stopped import DocumentHeld, DocumentRefused, HoldState, RefusalState


def status_of(
    caller: Caller, current: DocumentCurrent | None, held: DocumentHeld | None, refused: DocumentRefused | None
) -> dict[str, Any]:
    """The status that `caller` may know. Absent, under way and not permitted look the same.

    A version that stopped is told of only while no version as new is served; which one is served is told beside it.
    """
    if current is not None and not caller.may_see(current.tenant_id, current.access):
        current = None
    served = _served(current)
    candidates = [each for each in (_held(caller, held), _refused(caller, refused)) if each is not None]
    stopped = max(candidates, key=lambda each: int(each["document_version"]), default=None)
    if stopped is None or (current is not None and current.document_version >= stopped["document_version"]):
        return served or {"state": "PENDING"}
    return stopped | ({"served_version": served["document_version"]} if served.get("state") == "INDEXED" else {})


def _served(current: DocumentCurrent | None) -> dict[str, Any]:
    if current is None:
        return {}
    return {
        "state": "ERASED" if current.erased else "INDEXED",
        "document_version": current.document_version,
        "chunk_count": current.chunk_count,
    }


def _held(caller: Caller, held: DocumentHeld | None) -> dict[str, Any] | None:
    states = {HoldState.HELD: "QUARANTINED", HoldState.REJECTED: "REJECTED"}
    if held is None or held.state not in states or not caller.may_see(held.tenant_id, held.access):
        return None
    return {
        "state": states[held.state],
        "document_version": held.document_version,
        "stage": "sanitization",
        "reason_codes": list(held.reason_codes),
    }


def _refused(caller: Caller, refused: DocumentRefused | None) -> dict[str, Any] | None:
    if refused is None or refused.state is not RefusalState.DEAD_LETTERED or refused.access is None:
        return None
    if not caller.may_see(refused.tenant_id, refused.access):
        return None
    return {
        "state": "DEAD_LETTERED",
        "document_version": refused.document_version,
        "stage": refused.service,
        "reason_codes": [refused.reason_code],
    }
