"""`staithe desk`: the operator's pages, on this machine alone."""

import asyncio
import getpass
import signal
import webbrowser
from typing import Annotated, Final

import typer
from aiohttp import web

from staithe.cli.console import err, guarded
from staithe.cli.desk.app import Desk
from staithe.cli.local import LocalStack
from staithe.kernel.errors import ConfigurationError

HOST: Final = "127.0.0.1"


@guarded
def desk(
    reviewer: Annotated[str, typer.Option("--as", help="Who you are when you release or reject what is held.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; default: a free one.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve the operator's pages until Ctrl-C: pipeline, documents, quarantine, dead letters, audit log, policy."""
    asyncio.run(_serve(LocalStack(), reviewer or getpass.getuser(), port, open_browser))


async def _serve(stack: LocalStack, reviewer: str, port: int, open_browser: bool) -> None:
    stopping, made = asyncio.Event(), Desk(stack, reviewer)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    hosts: set[str] = set()
    runner = web.AppRunner(made.application(hosts), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigurationError(
                f"port {port} on {HOST} is taken: name another with --port", reason_code="PORT_BUSY"
            ) from error
        address = runner.addresses[0]
        hosts |= {f"{HOST}:{address[1]}", f"localhost:{address[1]}"}
        err.print("[yellow]this address has the operator's rights: it is for you alone, and ends with this command[/]")
        url = f"http://{HOST}:{address[1]}/enter?key={made.session.key}"
        typer.echo(url)
        if open_browser:
            webbrowser.open(url)
        await stopping.wait()
    finally:
        await runner.cleanup()
