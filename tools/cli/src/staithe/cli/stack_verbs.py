"""up, down, run, status, doctor: the local stack."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live

from staithe.cli.console import EXIT_FAILED, err, guarded, out, print_json, progress_bar
from staithe.cli.demo import demonstrate
from staithe.cli.local import LocalStack
from staithe.cli.reconcile_verb import reconcile
from staithe.cli.show import status_table
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.topology import load_topology
from staithe.stack import milvus_lite
from staithe.stack.bringup import Stack, StackChoice
from staithe.stack.doctor import Level, examine
from staithe.stack.measure import measure
from staithe.stack.processes import is_alive, wait_gone

TEND_SECONDS = 0.5
TABLE_SECONDS = 2.0
DOWN_SECONDS_MAX = 90.0
"""Eleven processes, one after the other, each with its own limit; usually 5 s in all."""

MilvusKind = Annotated[str, typer.Option(help="`lite` (default) or `server`: the real Milvus, mutual TLS, isolated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def _chosen(milvus: str, witnessed: bool) -> StackChoice:
    if milvus not in ("lite", "server"):
        raise ConfigurationError("--milvus is `lite` or `server`", reason_code="USAGE")
    return StackChoice.here(milvus_is_server=milvus == "server", witnessed=witnessed)


@contextmanager
def running_stack(milvus: str, *, witnessed: bool = False) -> Iterator[Stack]:
    """A stack that is up; it is stopped when the block ends, however it ends."""
    started = time.monotonic()
    choice = _chosen(milvus, witnessed)
    with progress_bar() as progress:
        tasks: dict[str, Any] = {}

        def on_progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total or None)
            progress.update(tasks[name], completed=done, visible=not total or done < total)

        stack = Stack(choice, announce=lambda words: err.print(f"[dim]· {words}[/]"), progress=on_progress)
        stack.up()
    seconds = time.monotonic() - started
    err.print(f"[green]✓[/] stack is up after {seconds:.1f} s")
    if not choice.milvus_is_server:
        err.print(f"[yellow]! {milvus_lite.WARNING}[/]", highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield stack
    finally:
        err.print("[dim]· stopping[/]")
        stack.supervisor.stop()
        err.print("[green]✓[/] stopped, nothing left running")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def tend(stack: Stack) -> None:
    """Watch over the stack until interrupted: a live table on a terminal, lines elsewhere."""
    topology = load_topology(stack.choice.repository / "topology.yaml")
    threading.Thread(target=stack.train, name="train", daemon=True).start()
    with Live(console=out, auto_refresh=False, screen=False) if out.is_terminal else _NoLive() as live:
        shown = 0.0
        while True:
            for happened in stack.supervisor.tend():
                err.print(f"[yellow]·[/] {happened}", highlight=False)
            if time.monotonic() - shown > TABLE_SECONDS:
                shown = time.monotonic()
                live.update(status_table(measure(_processes(stack), topology, stack.ports)), refresh=True)
            time.sleep(TEND_SECONDS)


class _NoLive:
    """Stands in for the live table where there is no terminal to draw it on."""

    def __enter__(self) -> "_NoLive":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def update(self, *_: object, **__: object) -> None:
        """Draw nothing."""


def _processes(stack: Stack) -> dict[str, dict[str, Any]]:
    return {
        name: {"pid": each.pid, "state": each.state.value, "restarts": each.restarts}
        for name, each in stack.supervisor.managed.items()
    }


@guarded
def up(
    milvus: MilvusKind = "lite",
    witness: Annotated[bool, typer.Option(help="Also run a witness of the audit log.")] = False,
) -> None:
    """Start the local stack and watch over it until Ctrl-C."""
    try:
        with running_stack(milvus, witnessed=witness) as stack:
            addresses(stack)
            tend(stack)
    except KeyboardInterrupt:
        return


@guarded
def run(
    milvus: MilvusKind = "lite",
    once: Annotated[
        bool, typer.Option(help="Stop after the answer; exit 0 only if its citation was verified.")
    ] = False,
) -> None:
    """Start everything, publish the sample documents, show one cited answer, stay up until Ctrl-C."""
    try:
        with running_stack(milvus) as stack:
            verified = demonstrate()
            addresses(stack)
            if once:
                raise typer.Exit(0 if verified else EXIT_FAILED)
            tend(stack)
    except KeyboardInterrupt:
        return


def addresses(stack: Stack) -> None:
    """Where everything is."""
    ports = stack.ports
    out.print(f"  console        https://127.0.0.1:{ports.of('query')}/ (`staithe console` signs you in)")
    out.print(f"  query API      https://127.0.0.1:{ports.of('query')}/openapi.json")
    out.print(f"  upload API     https://127.0.0.1:{ports.of('ingestion')}/v1/documents")
    out.print(f"  Kafka          127.0.0.1:{ports.of('kafka_client')}  (SASL_SSL, SCRAM-SHA-512)")
    out.print(f"  authority      {_relative(stack.paths.services_authority)}")
    question = "My laptop was stolen on the train, how fast must I tell someone?"
    out.print(f'  try            .venv/bin/staithe ask --tenant harbour "{question}"', highlight=False, soft_wrap=True)


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@guarded
def down() -> None:
    """Stop the stack of this folder, if it runs."""
    state = _read_state()
    if state is None:
        err.print("no stack is running here")
        return
    supervisor = int(state["supervisor_pid"])
    os.kill(supervisor, signal.SIGTERM)
    if not wait_gone(supervisor, DOWN_SECONDS_MAX):
        raise ConfigurationError(
            f"the supervisor (pid {supervisor}) did not stop in time; end it with `kill -9 {supervisor}`",
            reason_code="STOP_TIMEOUT",
        )
    err.print("[green]✓[/] stopped")


@guarded
def status(as_json: JsonOption = False) -> None:
    """Show each process: state, memory, lag, counts. Exit 1 when something is not ready."""
    stack = LocalStack()
    state = _read_state()
    if state is None:
        err.print("no stack is running here: `staithe up` starts one")
        raise typer.Exit(EXIT_FAILED)
    rows = measure(state["processes"], stack.topology, stack.ports)
    if as_json:
        print_json(rows)
    else:
        out.print(status_table(rows))
    raise typer.Exit(0 if all(row["state"] == "ready" for row in rows) else EXIT_FAILED)


def _read_state() -> dict[str, Any] | None:
    path = LocalStack().paths.state
    if not path.exists():
        return None
    state: dict[str, Any] = json.loads(path.read_text())
    return state if is_alive(state["supervisor_pid"]) else None


@guarded
def doctor(
    as_json: JsonOption = False,
    reconciling: Annotated[
        bool, typer.Option("--reconcile", help="Compare index, current versions and audit log of the running stack.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="With --reconcile: have indexing mend what it can.")] = False,
    milvus: MilvusKind = "lite",
) -> None:
    """Say in plain words what this machine lacks for a local stack; or hold a running stack's stores together."""
    if repair and not reconciling:
        raise ConfigurationError("--repair goes with --reconcile", reason_code="USAGE")
    if reconciling:
        agree = reconcile(LocalStack(), milvus, repair=repair, as_json=as_json)
        raise typer.Exit(0 if agree else EXIT_FAILED)
    findings = examine(Path.cwd() / ".staithe", dict(os.environ))
    if as_json:
        print_json([{"check": f.check, "level": f.level.value, "seen": f.seen, "remedy": f.remedy} for f in findings])
    else:
        marks = {Level.OK: "[green]✓[/]", Level.WARN: "[yellow]![/]", Level.FAIL: "[red]✗[/]"}
        for each in findings:
            out.print(
                f"{marks[each.level]} {each.check}: {each.seen}" + (f"\n    {each.remedy}" if each.remedy else "")
            )
    raise typer.Exit(EXIT_FAILED if any(each.level is Level.FAIL for each in findings) else 0)
