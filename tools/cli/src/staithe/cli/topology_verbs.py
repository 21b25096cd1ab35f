"""topology apply and render: brokers, registries and deployment files made equal to topology.yaml."""

from pathlib import Path
from typing import Annotated

import typer

from staithe.cli.console import EXIT_FAILED, err, guarded, out
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.stream.admin import Change
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import Registry
from staithe.kernel.topology import load_topology
from staithe.render import stale, write
from staithe.stack.bringup import Stack, StackChoice
from staithe.stack.identities import OPERATOR
from staithe.stack.provision import Site, apply_topology, read_passwords

topology = typer.Typer(no_args_is_help=True, help="topology.yaml: the only map.")


@topology.command()
@guarded
def apply(
    bootstrap: Annotated[str | None, typer.Option(help="Brokers to apply to; default: the local stack.")] = None,
    registry_url: Annotated[str | None, typer.Option(help="Schema registry (Confluent API).")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Authority of both.")] = None,
    operator_password_file: Annotated[Path | None, typer.Option(help="Password of the principal `operator`.")] = None,
    passwords_dir: Annotated[Path | None, typer.Option(help="Folder with <user>/kafka_password files.")] = None,
    replicas: Annotated[int, typer.Option(min=1, max=9, help="Copies of every partition.")] = 3,
) -> None:
    """Make topics, users, access rules and schemas equal to topology.yaml; applying twice changes nothing."""
    if bootstrap is None:
        changes = Stack(StackChoice.here(), announce=err.print, progress=lambda *_: None).apply_topology()
    elif registry_url is None or ca_file is None or operator_password_file is None or passwords_dir is None:
        raise ConfigurationError(
            "--bootstrap needs --registry-url, --ca-file, --operator-password-file and --passwords-dir",
            reason_code="USAGE",
        )
    else:
        operator = KafkaAccess(bootstrap, OPERATOR, operator_password_file, ca_file)
        site = Site(operator, Registry(registry_url, ca_file), Path("schemas"), replicas)
        wanted = load_topology(Path("topology.yaml"))
        changes = apply_topology(wanted, site, read_passwords(wanted, passwords_dir))
    _tell(changes)


def _tell(changes: list[Change]) -> None:
    for each in changes:
        if each.kind != "user":  # passwords are set again each time: the broker does not say whether they differ
            out.print(f"  {each.kind} {each.name}", highlight=False)
    out.print("[green]✓[/] broker and registry equal topology.yaml")


@topology.command()
@guarded
def render(
    check: Annotated[bool, typer.Option(help="Write nothing; exit 1 when a rendered file is stale.")] = False,
) -> None:
    """Write docker-compose.yml, k8s/base/generated/ and the Dockerfiles from topology.yaml."""
    old = stale(Path.cwd())
    if not check:
        write(Path.cwd())
    for path in old:
        out.print(f"  {'stale' if check else 'written'} {path}", highlight=False)
    raise typer.Exit(EXIT_FAILED if check and old else 0)
