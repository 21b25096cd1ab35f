"""acl check: what each principal may really do on the broker, beside topology.yaml."""

import typer
from rich.table import Table

from staithe.cli.console import EXIT_FAILED, guarded, out, print_json
from staithe.cli.local import LocalStack
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.stream.admin import Operator
from staithe.stack.identities import OPERATOR
from staithe.stack.rights import Comparison, compare_principal, compare_rules

acl = typer.Typer(no_args_is_help=True, help="Rights on the broker.")
RULES = "(rules on the broker)"


@acl.callback()
def _of_acl() -> None:
    """Rights on the broker."""


@acl.command()
@guarded
def check(as_json: JsonOption = False) -> None:
    """Ask the broker as each principal what it may do, and compare that and the list of rules with topology.yaml.

    Exit 1 when anything is missing or too much. Nothing is changed: `staithe topology apply` mends it.
    """
    stack = LocalStack()
    topology = stack.topology
    clients = [*topology.services, *(name for name, each in topology.principals.items() if not each.superuser)]
    found = {name: compare_principal(topology, stack.access(name)) for name in clients}
    found[RULES] = compare_rules(topology, Operator(stack.access(OPERATOR)))
    wrong = sum(len(each.missing) + len(each.surplus) for each in found.values())
    if as_json:
        print_json({"principals": {name: _shown(each) for name, each in found.items()}, "surprises": wrong})
    else:
        _tell(found, wrong)
    raise typer.Exit(EXIT_FAILED if wrong else 0)


def _shown(each: Comparison) -> dict[str, object]:
    return {
        "held": len(each.held), "given": len(each.given), "missing": [str(right) for right in each.missing],
        "surplus": [str(right) for right in each.surplus],
    }  # fmt: skip


def _tell(found: dict[str, Comparison], wrong: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(("principal", "rights", "by the map", "missing", "too many")):
        table.add_column(column, justify="right" if index else "left")
    for name, each in found.items():
        style = "red" if each.missing or each.surplus else ""
        counts = (len(each.held), len(each.given), len(each.missing), len(each.surplus))
        table.add_row(name, *map(str, counts), style=style)
    out.print(table)
    for each in found.values():
        for words, rights in (("missing", each.missing), ("too many", each.surplus)):
            for right in rights:
                out.print(f"  [red]{words}[/] {right}", highlight=False)
    if wrong:
        out.print(f"[red]✗ {wrong} differences[/]: `staithe topology apply` mends them")
    else:
        out.print("[green]✓[/] rights equal topology.yaml")
