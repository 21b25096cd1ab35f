"""Runs a service's process: settings, logs, health, signals, and exit codes 0 stopped, 1 failed, 2 misconfigured."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from staithe.kernel.clock import Clock, SystemClock
from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.health import Health, serve_health
from staithe.kernel.settings import ServiceSettings, load_settings
from staithe.kernel.telemetry import Logger, Metrics, configure_logging

CHECK_SECONDS: Final = 0.2
DRAIN_SECONDS_MAX: Final = 10.0
"""From SIGTERM to exit; an orchestrator kills after that, and nothing is lost when it does."""

EXIT_STOPPED: Final = 0
EXIT_FAILED: Final = 1
EXIT_MISCONFIGURED: Final = 2


class Runtime:
    """What every service gets from its process."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        self.service, self.settings = service, settings
        self.clock: Clock = SystemClock()
        self.metrics = Metrics(service)
        self.health = Health(self.metrics)
        self.logger: Logger = configure_logging(
            service, replica=settings.replica, level=settings.log_level, metrics=self.metrics
        )


class Application(Protocol):
    """A service once its objects are joined."""

    async def start(self) -> None:
        """Begin work; raise StaitheError when that is not possible."""
        ...

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        ...

    async def stop(self) -> None:
        """Drain within DRAIN_SECONDS_MAX."""
        ...


SettingsOf = TypeVar("SettingsOf", bound=ServiceSettings)


def main(service: str, settings_class: type[SettingsOf], build: Callable[[Runtime, SettingsOf], Application]) -> int:
    """Run `service` until SIGTERM, SIGINT or a fatal error; returns the exit code."""
    try:
        settings = load_settings(settings_class, service)
        runtime = Runtime(service, settings)
        return asyncio.run(_run(runtime, build(runtime, settings)))
    except ConfigurationError as error:
        sys.stderr.write(f"staithe {service}: {error.message}\n")
        return EXIT_MISCONFIGURED
    except StaitheError as error:
        sys.stderr.write(f"staithe {service}: {error}\n")
        return EXIT_FAILED


async def _run(runtime: Runtime, application: Application) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    settings = runtime.settings
    try:
        server = await serve_health(runtime.health, settings.health_host, settings.health_port)
    except OSError as error:
        raise ConfigurationError(
            f"port {settings.health_port} on {settings.health_host} is taken or not ours: "
            f"set STAITHE_{runtime.service.upper()}_HEALTH_PORT to a free one",
            reason_code="PORT_BUSY",
        ) from error
    try:
        await application.start()
        runtime.logger.info("started")
        failure = await _until(stopping, application.fatal)
        await _within_drain(application.stop(), runtime)
    finally:
        await server.cleanup()
    if failure is None:
        runtime.logger.info("stopped")
        return EXIT_STOPPED
    runtime.logger.error("failed", reason_code=failure.reason_code, message=failure.message)
    return EXIT_MISCONFIGURED if isinstance(failure, ConfigurationError) else EXIT_FAILED


async def _until(stopping: asyncio.Event, fatal: Callable[[], StaitheError | None]) -> StaitheError | None:
    while not stopping.is_set():
        failure = fatal()
        if failure is not None:
            return failure
        try:
            await asyncio.wait_for(stopping.wait(), CHECK_SECONDS)
        except TimeoutError:
            continue
    return None


async def _within_drain(stopping: Awaitable[None], runtime: Runtime) -> None:
    try:
        await asyncio.wait_for(stopping, DRAIN_SECONDS_MAX)
    except TimeoutError:
        runtime.logger.warning("drain_incomplete", seconds=DRAIN_SECONDS_MAX)
