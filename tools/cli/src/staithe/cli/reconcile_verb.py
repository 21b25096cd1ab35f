"""doctor --reconcile: what may be served, what the index holds and what the log says, held against each other."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table

from staithe.audit.entry import decode_entry
from staithe.audit.files import LogFiles
from staithe.audit.notes import VerifierKey
from staithe.audit.reader import open_reader
from staithe.cli.console import err, out, print_json
from staithe.cli.local import LocalStack
from staithe.indexing.differences import differences
from staithe.indexing.rounds import STEADY_SECONDS
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import AuditEvent, DocumentCurrent, document_subject
from staithe.kernel.telemetry import metric_sums
from staithe.stack.services import health_page
from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import MilvusConnection, take_census

ROUND_SECONDS_MAX: Final = 120.0
"""A round is two looks of seconds each; on a large index it goes on after this, and the next call says how it ended."""
POLL_SECONDS: Final = 0.5
ROUNDS: Final = "staithe_indexing_reconcile_rounds_total"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that does not fit, by document and version."""

    kind: str
    tenant_id: str
    document_id: str
    document_version: int
    detail: str


def reconcile(stack: LocalStack, milvus: str, *, repair: bool, as_json: bool) -> bool:
    """Print what does not fit; whether everything does, after the repair where there was one."""
    found = _steady(stack, milvus)
    if found and repair:
        _have_repaired(stack)
        found = _steady(stack, milvus)
    if as_json:
        print_json({"ok": not found, "findings": [_printed(each) for each in found]})
    else:
        _show(found)
    return not found


def _steady(stack: LocalStack, milvus: str) -> list[Finding]:
    """What two looks in a row find: the pipeline may be at work."""
    first = _look(stack, milvus)
    if not first:
        return []
    time.sleep(STEADY_SECONDS)
    return sorted(first & _look(stack, milvus))


def _look(stack: LocalStack, milvus: str) -> set[Finding]:
    connection = MilvusConnection(stack.index(milvus))
    try:
        census = take_census(connection, model_digest())
    finally:
        connection.close()
    current = {(each.tenant_id, each.document_id): each for each in stack.current()}
    key = VerifierKey.parse(stack.paths.audit_log_vkey.read_text())
    entries = (decode_entry(each) for _, each in open_reader(LogFiles(stack.paths.audit_log), key).numbered())
    in_index = {
        Finding(each.kind.value, each.tenant_id, each.document_id, each.document_version, f"{each.rows} rows")
        for each in differences(current.values(), census)
    }
    return in_index | set(against_log(current.values(), entries))


def against_log(current: Iterable[DocumentCurrent], entries: Iterable[AuditEvent]) -> Iterator[Finding]:
    """Every document whose newest ending in the log is not what is current."""
    logged: dict[bytes, AuditEvent] = {}
    for entry in entries:
        if entry.action in ("document.indexed", "document.erased") and entry.subject_sha256 is not None:
            known = logged.get(entry.subject_sha256)
            if known is None or (entry.document_version or 0) >= (known.document_version or 0):
                logged[entry.subject_sha256] = entry
    for event in current:
        last = logged.pop(document_subject(event.tenant_id, event.document_id), None)
        action = "document.erased" if event.erased else "document.indexed"
        if last is None or (last.document_version or 0) < event.document_version:
            yield Finding("NOT_IN_LOG", event.tenant_id, event.document_id, event.document_version, f"no {action}")
        elif (last.document_version, last.action) != (event.document_version, action):
            detail = f"the log has {last.action} of version {last.document_version}"
            yield Finding("NOT_CURRENT", event.tenant_id, event.document_id, event.document_version, detail)
    for subject, entry in logged.items():
        # The log names no document: all that is known of it is the digest of its name.
        yield Finding(
            "NOT_CURRENT", entry.tenant_id or "", f"sha256:{subject.hex()[:16]}…", entry.document_version or 0,
            "the log has it, documents.current.v1 does not",
        )  # fmt: skip


def _have_repaired(stack: LocalStack) -> None:
    """Ask the indexing service for a round, and wait for its end; raises Unavailable."""
    pid, before = stack.pid_of("indexing"), _rounds(stack)
    err.print("[dim]· asking indexing to compare and mend[/]")
    os.kill(pid, signal.SIGHUP)
    deadline = time.monotonic() + ROUND_SECONDS_MAX
    while _rounds(stack) <= before:
        if time.monotonic() > deadline:
            raise Unavailable(
                "indexing has not finished in time: look at its log (`.staithe/logs/indexing.log`), then ask again",
                reason_code="RECONCILE_SLOW",
            )
        time.sleep(POLL_SECONDS)


def _rounds(stack: LocalStack) -> float:
    status, page = health_page(stack.ports.of("indexing_health"), "/metrics")
    if status != 200:
        raise Unavailable("indexing does not answer: is the stack up?", reason_code="INDEXING_DOWN")
    return metric_sums(page).get(ROUNDS, 0.0)


def _printed(each: Finding) -> dict[str, Any]:
    return {
        "kind": each.kind, "tenant_id": each.tenant_id, "document_id": each.document_id,
        "document_version": each.document_version, "detail": each.detail,
    }  # fmt: skip


def _show(found: list[Finding]) -> None:
    if not found:
        out.print("[green]✓[/] index, documents.current.v1 and audit log agree")
        return
    table = Table("what", "tenant", "document", "version", "", box=None, pad_edge=False, header_style="dim")
    for each in found:
        table.add_row(each.kind, each.tenant_id, each.document_id, str(each.document_version), each.detail)
    out.print(table)
