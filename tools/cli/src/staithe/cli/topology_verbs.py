"""topology apply: the broker and the registry made equal to topology.yaml."""

import typer

from staithe.cli.console import err, guarded, out
from staithe.stack.bringup import Stack, StackChoice

topology = typer.Typer(no_args_is_help=True, help="topology.yaml: the only map.")


@topology.command()
@guarded
def apply() -> None:
    """Make the running local stack's topics, users, access rules and schemas equal to topology.yaml."""
    stack = Stack(StackChoice.here(), announce=err.print, progress=lambda *_: None)
    stack.apply_topology()
    out.print("[green]✓[/] broker and registry equal topology.yaml")
