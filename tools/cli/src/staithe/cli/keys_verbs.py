"""keys: set tenants up, rotate their keys, and destroy a document's secrets by hand."""

from typing import Annotated

import typer

from staithe.cli.console import guarded, out, print_json
from staithe.cli.local import LocalStack
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.clock import SystemClock
from staithe.keys.wire import Version

keys = typer.Typer(
    help="The keys of tenants and documents, in the key service of a running stack.", no_args_is_help=True
)
TenantArgument = Annotated[str, typer.Argument(help="The tenant.")]


@keys.command()
@guarded
def init(tenant: TenantArgument, as_json: JsonOption = False) -> None:
    """Make a tenant's key unless it has one. Tenants in policies/tenants.yaml get theirs at the start by themselves."""
    made = LocalStack().keys().ensure_tenant(tenant)
    if as_json:
        print_json({"tenant_id": tenant, "made": made})
    else:
        out.print(f"[green]✓[/] {tenant} has a key" + ("" if made else ", as before"))


@keys.command()
@guarded
def rotate(tenant: TenantArgument, as_json: JsonOption = False) -> None:
    """Give a tenant a new key, wrap all its secrets anew, and destroy the old key. Nothing stops meanwhile.

    Copies of the key store from before are worthless afterwards, unless a copy of the old tenant key is left.
    """
    outcome = LocalStack().keys().rotate(tenant)
    if as_json:
        print_json({"tenant_id": tenant, **outcome.model_dump()})
    else:
        out.print(
            f"[green]✓[/] key version {outcome.key_version}; {outcome.secrets} secrets wrapped anew, old key destroyed"
        )


@keys.command()
@guarded
def shred(
    tenant: TenantArgument,
    document_id: Annotated[str, typer.Argument(help="The document.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Up to this version; default: everything up to now.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Destroy a document's secrets for good, without touching the index. To erase a document use `staithe erase`.

    For when the pipeline is down and a document must become unreadable now; erase it as well once the pipeline is up.
    """
    if not yes:
        typer.confirm("This cannot be undone. Destroy the secrets of this document?", abort=True)
    wanted = Version(
        tenant_id=tenant, document_id=document_id, document_version=version or SystemClock().now_ms()
    )  # fmt: skip
    outcome = LocalStack().keys().shred(wanted)
    if as_json:
        print_json(outcome.model_dump())
    else:
        out.print(
            f"[green]✓[/] {outcome.secrets} secrets destroyed, up to version {outcome.document_version}; "
            f"audit log: {outcome.event_id}"
        )
