"""quarantine list, show, release, reject: documents that are held until two people have looked at them."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from staithe.cli.api import Api
from staithe.cli.console import guarded, out, print_json
from staithe.cli.letter_show import age, particulars_panel
from staithe.cli.local import REVIEW_SCOPES, LocalStack, Who
from staithe.cli.preview import masked
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.clock import SystemClock
from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import Opener, SealContext
from staithe.kernel.errors import ConfigurationError, Erased, Integrity
from staithe.kernel.events import DocumentQuarantined
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState

HELD_TOPIC = "documents.held.v1"
QUARANTINED_TOPIC = "documents.quarantined.v1"
REVIEWED_TOPIC = "documents.reviewed.v1"

quarantine = typer.Typer(no_args_is_help=True, help="Documents that are held until somebody has looked at them.")

Document = Annotated[str, typer.Argument(help="The document's id.")]
TenantOption = Annotated[str, typer.Option(help="Its tenant.")]
Reviewer = Annotated[str, typer.Option("--as", help="Who you are: the development token is issued to this name.")]
Version = Annotated[int | None, typer.Option("--version", help="The version; default: the one that is held.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Group of the reviewer; repeat for several.")]


def _holds(stack: LocalStack) -> list[dict[str, Any]]:
    """Every newest hold with what was said about it, oldest first."""
    codec = stack.codec()
    try:
        holds: dict[bytes, DocumentHeld] = {}
        words: dict[bytes, DocumentReviewed] = {}
        for event in stack.events([HELD_TOPIC, REVIEWED_TOPIC], codec):
            if isinstance(event, DocumentHeld):
                known = holds.get(event.key)
                if known is None or event.document_version >= known.document_version:
                    holds[event.key] = event
            elif isinstance(event, DocumentReviewed):
                words[event.key] = event
    finally:
        codec.close()
    now = SystemClock().now_ms()
    return [_row(each, words.get(each.key), now) for each in sorted(holds.values(), key=lambda each: each.occurred_at)]


def _row(hold: DocumentHeld, word: DocumentReviewed | None, now_ms: int) -> dict[str, Any]:
    state = hold.state.value.lower()
    asked = word is not None and word.held_event_id == hold.event_id and word.decision is Decision.ASKED
    return {
        "tenant_id": hold.tenant_id, "document_id": hold.document_id, "document_version": hold.document_version,
        "state": "asked" if asked and hold.state is HoldState.HELD else state, "reason_codes": list(hold.reason_codes),
        "waive": list(word.waived_reasons) if asked and word is not None else [],
        "age_seconds": max(0, now_ms - hold.occurred_at) // 1000, "event_id": hold.event_id,
    }  # fmt: skip


@quarantine.command("list")
@guarded
def list_held(
    tenant: Annotated[str, typer.Option(help="Only this tenant's.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Released, rejected and superseded ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is held, why, for how long, and whether somebody has asked for its release."""
    open_states = ("held", "asked")
    rows = [
        each
        for each in _holds(LocalStack())
        if tenant in ("", each["tenant_id"]) and (every or each["state"] in open_states)
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(title=f"Quarantine: {sum(each['state'] in open_states for each in rows)} open", title_justify="left")
    for heading in ("document", "version", "reasons", "state", "age"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        state = Text(row["state"], style="yellow" if row["state"] in open_states else "dim")
        table.add_row(
            Text(f"{row['tenant_id']}/{row['document_id']}"), str(row["document_version"]),
            ", ".join(row["reason_codes"]), state, age(row["age_seconds"]),
        )  # fmt: skip
    out.print(table)


@quarantine.command()
@guarded
def show(document_id: Document, tenant: TenantOption, version: Version = None, as_json: JsonOption = False) -> None:
    """Show why a document is held, what was found in it by count, and a masked preview."""
    stack = LocalStack()
    hold = _open_hold(stack, tenant, document_id, version)
    event = _quarantined(stack, hold["event_id"])
    body = {
        **{name: hold[name] for name in ("tenant_id", "document_id", "document_version", "state", "reason_codes")},
        "findings": dict(event.findings), "source": event.source, "content_type": event.content_type,
        "tier": event.access.tier.name, "groups": list(event.access.groups),
        "classification": event.access.classification.value, "retention_until": event.retention_until,
    }  # fmt: skip
    preview = _preview(event, stack.operator_opener())
    if as_json:
        print_json(body | {"preview": preview})
    else:
        out.print(particulars_panel(f"held: {tenant}/{document_id}", body, "preview, masked by the detectors", preview))


def _quarantined(stack: LocalStack, event_id: str) -> DocumentQuarantined:
    codec = stack.codec()
    try:
        for event in stack.events([QUARANTINED_TOPIC], codec):
            if isinstance(event, DocumentQuarantined) and event.event_id == event_id:
                return event
    finally:
        codec.close()
    raise ConfigurationError("what was held is gone: its topic keeps it for 30 days", reason_code="HELD_GONE")


def _preview(event: DocumentQuarantined, opener: Opener) -> str:
    context = SealContext("quarantine", event.tenant_id, event.document_id, event.document_version)
    try:
        readable = Readable.decode(opener.open(context, event.sealed_text))
    except (Integrity, Erased):
        return "(sealed under a key that is gone or not the operator's)"
    return masked(f"{readable.name}\n{readable.title}\n\n{readable.text}")


def _open_hold(stack: LocalStack, tenant: str, document_id: str, version: int | None) -> dict[str, Any]:
    for each in _holds(stack):
        named = (each["tenant_id"], each["document_id"]) == (tenant, document_id)
        if named and each["state"] in ("held", "asked") and version in (None, each["document_version"]):
            return each
    raise ConfigurationError(
        "this version of this document is not held: `staithe quarantine list --all` shows what became of it",
        reason_code="NOT_HELD",
    )


@quarantine.command()
@guarded
def release(
    document_id: Document, tenant: TenantOption, reviewer: Reviewer, version: Version = None, group: Groups = None,
    waive: Annotated[list[str] | None, typer.Option(help="Reason to waive; default: all that hold it.")] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Ask for a release, or approve the one another person asked for. Two people are needed."""
    stack = LocalStack()
    hold = _open_hold(stack, tenant, document_id, version)
    body = {"document_version": hold["document_version"], "waive": list(waive or ())}
    answer = _desk(stack, tenant, reviewer, group).call("POST", f"/v1/quarantine/{document_id}/release", json=body)
    _tell(answer, as_json=as_json)


@quarantine.command()
@guarded
def reject(
    document_id: Document, tenant: TenantOption, reviewer: Reviewer, version: Version = None, group: Groups = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Decide that the held version shall never pass. One person is enough."""
    stack = LocalStack()
    hold = _open_hold(stack, tenant, document_id, version)
    body = {"document_version": hold["document_version"]}
    answer = _desk(stack, tenant, reviewer, group).call("POST", f"/v1/quarantine/{document_id}/reject", json=body)
    _tell(answer, as_json=as_json)


def _desk(stack: LocalStack, tenant: str, reviewer: str, groups: list[str] | None) -> Api:
    return Api(stack, "ingestion", Who(tenant, 3, tuple(groups or ()), reviewer), REVIEW_SCOPES)


def _tell(answer: dict[str, Any], *, as_json: bool) -> None:
    words = {
        "ASKED": "[yellow]·[/] asked; another person must run the same command to approve it",
        "RELEASED": "[green]✓[/] released: it goes on through the pipeline by itself",
        "REJECTED": "[green]✓[/] rejected: it will not pass",
    }
    if as_json:
        print_json(answer)
    else:
        out.print(words[answer["decision"]])
