"""How the command speaks: results on standard output, everything else on standard error, exit codes 0, 1 and 2."""

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from staithe.kernel.errors import ConfigurationError, StaitheError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

out = Console()
err = Console(stderr=True)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def guarded(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turn our errors into one clear line and an exit code: 2 when the installation or call is wrong, else 1."""

    @functools.wraps(verb)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return verb(*arguments, **options)
        except StaitheError as error:
            err.print(f"[bold red]staithe:[/] {error.message} [dim]({error.reason_code})[/]", highlight=False)
            if error.reason_code == "KAFKA_UNAVAILABLE":
                err.print("[dim]is the stack up? `staithe status` tells[/]")
            code = EXIT_USAGE if isinstance(error, ConfigurationError) else EXIT_FAILED
            raise typer.Exit(code) from error

    return run


def print_json(value: Any) -> None:
    """One JSON document on standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on a terminal; nothing where there is none."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield progress
