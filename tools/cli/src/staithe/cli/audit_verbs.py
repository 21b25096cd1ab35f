"""audit verify: the log, checked from outside."""

from pathlib import Path
from typing import Annotated

import typer

from staithe.audit.verify import verify_log
from staithe.cli.console import EXIT_FAILED, guarded, out, print_json, progress_bar
from staithe.cli.local import LocalStack
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.errors import ConfigurationError

audit = typer.Typer(no_args_is_help=True, help="The audit log.")


@audit.command()
@guarded
def verify(
    log: Annotated[Path | None, typer.Argument(help="Folder of the log; default: the local stack's.")] = None,
    key: Annotated[Path | None, typer.Option(help="File with the log's verification key (vkey).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every leaf, tile, root and signature of the log. Exit 1 when anything does not hold."""
    if log is None or key is None:
        paths = LocalStack().paths
        log, key = log or paths.audit_log, key or paths.audit_log_vkey
    try:
        vkey = key.read_text()
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the key {key}: {error.strerror}", reason_code="KEY_UNREADABLE"
        ) from error
    with progress_bar() as progress:
        task = progress.add_task("entries")
        report = verify_log(log, vkey, lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        print_json(
            {
                "ok": report.ok, "origin": report.origin, "size": report.size, "root": report.root.hex(),
                "problems": report.problems,
            }
        )  # fmt: skip
    elif report.ok:
        out.print(f"[green]✓[/] {report.origin}: {report.size} entries verify, root {report.root.hex()}")
    else:
        for problem in report.problems:
            out.print(f"[red]✗[/] {problem}", highlight=False)
    raise typer.Exit(0 if report.ok else EXIT_FAILED)
