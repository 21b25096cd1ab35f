"""Audit events as OCSF 1.4 (Open Cybersecurity Schema Framework), for a SIEM. Pure.

What OCSF has no field for is under `unmapped`. Callers and documents stay the digests that they are in the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from staithe.audit.policy import LISTS
from staithe.kernel.events import AuditEvent, Outcome
from staithe.kernel.ids import derived_event_id
from staithe.kernel.version import code_version

OCSF_VERSION: Final = "1.4.0"
FILE_ACTIVITY, DETECTION_FINDING, DATA_SECURITY_FINDING = 1001, 2004, 2006
AUTHENTICATION, API_ACTIVITY, DATASTORE_ACTIVITY = 3002, 6003, 6005

INFORMATIONAL, MEDIUM, HIGH, CRITICAL = 1, 3, 4, 5
FORK_ACTION: Final = "log.changed_its_past"
_OTHER: Final = 99
_SHA256: Final = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """The class and activity of an action, and how grave it is when nothing went wrong."""

    class_uid: int
    activity_id: int
    severity_id: int = INFORMATIONAL


KINDS: Final[Mapping[str, Kind]] = {
    "chunk.refused": Kind(DETECTION_FINDING, 1, HIGH),
    "chunks.listed": Kind(DATASTORE_ACTIVITY, 5),
    "document.embedded": Kind(DATASTORE_ACTIVITY, 5),
    "document.erased": Kind(DATASTORE_ACTIVITY, 7),
    "document.erasure_requested": Kind(API_ACTIVITY, 4),
    "document.indexed": Kind(DATASTORE_ACTIVITY, 5),
    "document.ingested": Kind(FILE_ACTIVITY, 1),
    "document.inspected": Kind(DATASTORE_ACTIVITY, 1),
    "document.quarantined": Kind(DATA_SECURITY_FINDING, 1, MEDIUM),
    "document.read": Kind(DATASTORE_ACTIVITY, 1),
    "document.sanitized": Kind(FILE_ACTIVITY, 3),
    "document.superseded": Kind(DATASTORE_ACTIVITY, 2),
    "evidence.read": Kind(API_ACTIVITY, 2),
    "index.repaired": Kind(DATASTORE_ACTIVITY, 3, MEDIUM),
    "query.answered": Kind(DATASTORE_ACTIVITY, 4),
    "query.denied": Kind(API_ACTIVITY, 2, MEDIUM),
    "query.searched": Kind(DATASTORE_ACTIVITY, 4),
    "query.sign_in_refused": Kind(AUTHENTICATION, 1, MEDIUM),
    "query.signed_in": Kind(AUTHENTICATION, 1),
    "query.signed_out": Kind(AUTHENTICATION, 2),
    "log.pruned": Kind(API_ACTIVITY, 4, HIGH),
    FORK_ACTION: Kind(DETECTION_FINDING, 1, CRITICAL),
    "query.unauthenticated": Kind(AUTHENTICATION, 1, MEDIUM),
    "record.dead_lettered": Kind(DETECTION_FINDING, 1, MEDIUM),
}
"""Actions that this version knows; any other is API activity of another kind, so that nothing is left out."""

_UNKNOWN: Final = Kind(API_ACTIVITY, _OTHER)


def ocsf_event(leaf_index: int, event: AuditEvent, origin: str) -> dict[str, Any]:
    """The event at a leaf of the log `origin` as one OCSF object."""
    kind = KINDS.get(event.action, _UNKNOWN)
    failed = event.outcome is not Outcome.SUCCESS
    shown: dict[str, Any] = {
        "activity_id": kind.activity_id, "category_uid": kind.class_uid // 1000, "class_uid": kind.class_uid,
        "type_uid": kind.class_uid * 100 + kind.activity_id, "time": event.occurred_at,
        "severity_id": max(kind.severity_id, MEDIUM) if failed else kind.severity_id,
        "status_id": 2 if failed else 1, "message": event.action, "metadata": _metadata(leaf_index, event, origin),
        "unmapped": _unmapped(event),
    }  # fmt: skip
    if event.reason_code:
        shown["status_code"] = event.reason_code
    if kind.activity_id == _OTHER:
        shown["activity_name"] = event.action
    return shown | _SPECIAL[kind.class_uid](event)


def fork_finding(refused: bytes, reason_code: str, now_ms: int, origin: str) -> tuple[str, dict[str, Any]]:
    """Event id and OCSF finding of a checkpoint that contradicts an earlier one; no entry of the log, so no sequence.

    The id follows from the checkpoint: the same fraud reported again is the same finding.
    """
    event = AuditEvent(
        event_id=derived_event_id(0, refused), occurred_at=now_ms, service="forwarder", action=FORK_ACTION,
        outcome=Outcome.FAILURE, reason_code=reason_code,
    )  # fmt: skip
    shown = ocsf_event(0, event, origin)
    del shown["metadata"]["sequence"]
    return event.event_id, shown


def _metadata(leaf_index: int, event: AuditEvent, origin: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": OCSF_VERSION, "uid": event.event_id, "log_name": origin, "sequence": leaf_index,
        "product": {"name": "Staithe", "vendor_name": "Staithe", "version": code_version("audit")},
    }  # fmt: skip
    if event.tenant_id:
        metadata["tenant_uid"] = event.tenant_id
    if event.traceparent:
        metadata["correlation_uid"] = event.traceparent.split("-")[1]
    return metadata


def _unmapped(event: AuditEvent) -> dict[str, Any]:
    digests = {
        name: digest.hex()
        for name, digest in (
            ("subject_sha256", event.subject_sha256),
            ("input_sha256", event.input_sha256),
            ("output_sha256", event.output_sha256),
        )
        if digest is not None
    }
    # Lists are long, and of no use to a SIEM: the log has them.
    attributes = {name: value for name, value in event.attributes.items() if name not in LISTS}
    return (
        {"action": event.action, "service": event.service, "document_version": event.document_version}
        | digests
        | {"attributes": attributes}
    )


def _actor(event: AuditEvent) -> dict[str, Any]:
    actor: dict[str, Any] = {"app_name": event.service}
    if caller := event.attributes.get("caller_hmac"):
        actor["user"] = {"uid": caller, "type_id": 0}
    return actor


def _endpoint(event: AuditEvent) -> dict[str, Any]:
    return {"svc_name": event.service}


def _file(event: AuditEvent) -> dict[str, Any]:
    subject = _subject(event)
    file: dict[str, Any] = {"name": subject, "uid": subject, "type_id": 1, "version": str(event.document_version)}
    if event.output_sha256 is not None:
        file["hashes"] = [{"algorithm_id": _SHA256, "value": event.output_sha256.hex()}]
    return {"actor": _actor(event), "device": {"type_id": 0, "name": event.service}, "file": file}


def _finding(event: AuditEvent) -> dict[str, Any]:
    title = f"{event.action} {event.reason_code}".strip()
    found: dict[str, Any] = {"finding_info": {"uid": event.event_id, "title": title}}
    if event.subject_sha256 is not None:
        found["resources"] = [{"uid": _subject(event), "type": "document"}]
    return found


def _data_security(event: AuditEvent) -> dict[str, Any]:
    policy = {"uid": event.attributes.get("policy_sha256", ""), "name": "sanitization"}
    return _finding(event) | {"data_security": {"policy": policy}, "actor": _actor(event)}


def _authentication(event: AuditEvent) -> dict[str, Any]:
    return {
        "user": {"uid": event.attributes.get("caller_hmac", "unknown"), "type_id": 0},
        "service": {"name": event.service}, "src_endpoint": _endpoint(event),
    }  # fmt: skip


def _api(event: AuditEvent) -> dict[str, Any]:
    called: dict[str, Any] = {
        "actor": _actor(event), "api": {"operation": event.action}, "src_endpoint": _endpoint(event),
    }  # fmt: skip
    if event.subject_sha256 is not None:
        called["resources"] = [{"uid": _subject(event), "type": "document"}]
    return called


def _datastore(event: AuditEvent) -> dict[str, Any]:
    return {"actor": _actor(event), "src_endpoint": _endpoint(event), "database": {"name": "chunks", "type_id": _OTHER}}


def _subject(event: AuditEvent) -> str:
    return event.subject_sha256.hex() if event.subject_sha256 is not None else "unknown"


_SPECIAL: Final[Mapping[int, Callable[[AuditEvent], dict[str, Any]]]] = {
    FILE_ACTIVITY: _file,
    DETECTION_FINDING: _finding,
    DATA_SECURITY_FINDING: _data_security,
    AUTHENTICATION: _authentication,
    API_ACTIVITY: _api,
    DATASTORE_ACTIVITY: _datastore,
}
