"""What the processes beside the log share: its key from a file, and rounds until somebody says stop."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from staithe.audit.notes import VerifierKey
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.health import Health, serve_health


def read_log_key(path: Path) -> VerifierKey:
    """The log's key (vkey) in a file; raises ConfigurationError, and what VerifierKey.parse does."""
    try:
        return VerifierKey.parse(path.read_text())
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the key {path}: {error.strerror}", reason_code="KEY_UNREADABLE"
        ) from error


async def rounds_until_stopped(
    one: Callable[[], object], health: Health, *, every: float, health_port: int | None,
    stop: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Call `one` in a thread, again `every` seconds after it, until SIGTERM or SIGINT, which also calls `stop`."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        stop()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    server = await serve_health(health, "127.0.0.1", health_port) if health_port is not None else None
    try:
        while not asked.is_set():
            await asyncio.to_thread(one)
            try:
                await asyncio.wait_for(asked.wait(), every)
            except TimeoutError:
                continue
    finally:
        if server is not None:
            await server.cleanup()
