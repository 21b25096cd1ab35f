"""rotate: new certificates and passwords for a running stack."""

import time
from typing import Annotated

import typer

from staithe.cli.console import err, guarded, out, print_json
from staithe.cli.stack_verbs import JsonOption
from staithe.stack.bringup import Stack, StackChoice
from staithe.stack.rotation import Rotation

rotate = typer.Typer(
    help="New certificates and passwords for a running stack. Documents wait for seconds; none is lost.",
    no_args_is_help=True,
)


def _rotation() -> Rotation:
    stack = Stack(StackChoice.here(), announce=_unheard, progress=_unheard)
    return Rotation(stack, lambda words: err.print(f"[dim]· {words}[/]", highlight=False))


def _unheard(*_: object) -> None:
    """Nothing is brought up here."""


@rotate.command()
@guarded
def certificates(as_json: JsonOption = False) -> None:
    """Renew every certificate but the authorities', and wait until each listener shows its new one.

    The broker starts again; all others follow their files. The authorities and a Milvus server's own stay.
    """
    begun = time.monotonic()
    renewed = _rotation().certificates()
    if as_json:
        print_json({"listeners": renewed})
    else:
        out.print(f"[green]✓[/] {len(renewed)} listeners show new certificates after {time.monotonic() - begun:.0f} s")


@rotate.command()
@guarded
def passwords(
    principals: Annotated[
        list[str] | None, typer.Argument(help="Whose; default: every service. A source must then be told its new one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give principals new passwords on the broker; services start again one after the other."""
    begun = time.monotonic()
    renewed = _rotation().passwords(principals or ())
    if as_json:
        print_json({"principals": renewed})
    else:
        out.print(f"[green]✓[/] new passwords for {', '.join(renewed)} after {time.monotonic() - begun:.0f} s")
