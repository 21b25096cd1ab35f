"""`staithe console`: the address of the console that signs a developer in."""

import webbrowser
from typing import Annotated
from urllib.parse import urlencode

import typer

from staithe.cli.console import err, guarded
from staithe.cli.document_verbs import Groups, Tenant, TierOption
from staithe.cli.local import SCOPES, LocalStack, Who


@guarded
def console(
    tenant: Tenant = "harbour", tier: TierOption = 1, group: Groups = None,
    subject: Annotated[str, typer.Option(help="Who is signed in.")] = "developer",
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:  # fmt: skip
    """Print the address of the console of a local stack, with a development token and the log's key behind the #."""
    stack = LocalStack()
    token = stack.token(Who(tenant, tier, tuple(group or ()), subject), scopes=SCOPES)
    # What is behind the # stays in the browser: no server and no log of one sees it.
    given = urlencode({"token": token, "key": stack.paths.audit_log_vkey.read_text().strip()})
    address = f"{stack.url('query')}/#{given}"
    err.print("[yellow]development token: anybody holding this address is this caller until it expires[/]")
    err.print(
        f"[dim]the certificate is of the stack's own authority: {stack.paths.services_authority}[/]", highlight=False
    )
    typer.echo(address)
    if open_browser:
        webbrowser.open(address)
