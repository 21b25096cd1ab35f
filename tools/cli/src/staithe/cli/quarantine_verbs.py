"""quarantine list, show, release, reject: documents that are held until two people have looked at them."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from staithe.cli.console import guarded, out, print_json
from staithe.cli.letter_show import age, particulars_panel
from staithe.cli.local import LocalStack
from staithe.cli.quarantine_work import holds, open_hold, preview_of, quarantined, review_api
from staithe.cli.stack_verbs import JsonOption

quarantine = typer.Typer(no_args_is_help=True, help="Documents that are held until somebody has looked at them.")

Document = Annotated[str, typer.Argument(help="The document's id.")]
TenantOption = Annotated[str, typer.Option(help="Its tenant.")]
Reviewer = Annotated[str, typer.Option("--as", help="Who you are: the development token is issued to this name.")]
Version = Annotated[int | None, typer.Option("--version", help="The version; default: the one that is held.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Group of the reviewer; repeat for several.")]


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
        for each in holds(LocalStack())
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
    hold = open_hold(stack, tenant, document_id, version)
    event = quarantined(stack, hold["event_id"])
    body = {
        **{name: hold[name] for name in ("tenant_id", "document_id", "document_version", "state", "reason_codes")},
        "findings": dict(event.findings), "source": event.source, "content_type": event.content_type,
        "tier": event.access.tier.name, "groups": list(event.access.groups),
        "classification": event.access.classification.value, "retention_until": event.retention_until,
    }  # fmt: skip
    preview = preview_of(event, stack.operator_opener())
    if as_json:
        print_json(body | {"preview": preview})
    else:
        out.print(particulars_panel(f"held: {tenant}/{document_id}", body, "preview, masked by the detectors", preview))


@quarantine.command()
@guarded
def release(
    document_id: Document, tenant: TenantOption, reviewer: Reviewer, version: Version = None, group: Groups = None,
    waive: Annotated[list[str] | None, typer.Option(help="Reason to waive; default: all that hold it.")] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Ask for a release, or approve the one another person asked for. Two people are needed."""
    stack = LocalStack()
    hold = open_hold(stack, tenant, document_id, version)
    body = {"document_version": hold["document_version"], "waive": list(waive or ())}
    answer = review_api(stack, tenant, reviewer, group).call("POST", f"/v1/quarantine/{document_id}/release", json=body)
    _tell(answer, as_json=as_json)


@quarantine.command()
@guarded
def reject(
    document_id: Document, tenant: TenantOption, reviewer: Reviewer, version: Version = None, group: Groups = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Decide that the held version shall never pass. One person is enough."""
    stack = LocalStack()
    hold = open_hold(stack, tenant, document_id, version)
    body = {"document_version": hold["document_version"]}
    answer = review_api(stack, tenant, reviewer, group).call("POST", f"/v1/quarantine/{document_id}/reject", json=body)
    _tell(answer, as_json=as_json)


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
