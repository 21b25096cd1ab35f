"""audit witness: a small process of its own that keeps the log honest."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from staithe.audit.reader import ReadableFiles
from staithe.audit.witness import Witness
from staithe.cli.console import EXIT_FAILED, guarded
from staithe.cli.local import LocalStack
from staithe.cli.log_round import read_log_key, rounds_until_stopped
from staithe.cli.remote_log import open_log
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import Integrity, StaitheError
from staithe.kernel.health import Health
from staithe.kernel.telemetry import Metrics, configure_logging

SERVICE: Final = "witness"
NAME: Final = "staithe.local/witness"
EVERY_SECONDS: Final = 10.0
"""A fork is noticed within this time; a look at an unchanged log costs one small file."""


class Watch:
    """Looks again and again. An alarm stays until the process ends: a log that was caught once is not trusted again."""

    def __init__(self, witness: Witness, log: ReadableFiles) -> None:
        self._witness, self._log = witness, log
        self.metrics = Metrics(SERVICE)
        self.health = Health(self.metrics)
        self.health.add("honest", lambda: not self.alarmed)
        self.alarmed = False
        self._logger = configure_logging(SERVICE, replica=0, level="INFO", metrics=self.metrics)
        self._size = self.metrics.gauge("log_entries", "Entries of the last checkpoint that was cosigned.")
        self._looks = self.metrics.counter("looks_total", "Looks at the log, by how they ended.", ("result",))

    def look(self) -> bool:
        """Cosign and return True, or raise the alarm; a log that cannot be reached is tried again at the next look."""
        try:
            seen = self._witness.look(self._log)
        except Integrity as error:
            self.alarmed = True
            self._looks.labels("refused").inc()
            self._logger.error("log_refused", reason_code=error.reason_code, message=error.message)
            return False
        except (StaitheError, OSError) as error:
            self._looks.labels("unreachable").inc()
            reason_code = error.reason_code if isinstance(error, StaitheError) else "LOG_UNREADABLE"
            self._logger.warning("log_unreachable", reason_code=reason_code)
            return False
        self._looks.labels("cosigned").inc()
        self._size.set(seen.head.size)
        if seen.head.size != seen.size_before:
            self._logger.info("cosigned", tree_size=seen.head.size)
        return True


@guarded
def witness(
    log: Annotated[str, typer.Option(help="Folder or https:// address of the log; default: the local stack's.")] = "",
    key: Annotated[Path | None, typer.Option(help="File with the log's verification key (vkey).")] = None,
    state: Annotated[Path | None, typer.Option(help="The witness's own folder: its key and what it saw last.")] = None,
    name: Annotated[str, typer.Option(help="The witness's name in its cosignatures.")] = NAME,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = EVERY_SECONDS,
    once: Annotated[bool, typer.Option(help="Look once and exit: 0 only if it cosigned.")] = False,
    ca: Annotated[Path | None, typer.Option(help="With an address: the authority of its certificate.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="With an address: the witness's client certificate.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="With an address: that certificate's key.")] = None,
    health_port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1 for /livez, /readyz and /metrics.")] = None,
) -> None:
    """Keep the log's last checkpoint, cosign one that extends it, refuse a fork or a rollback.

    Runs until it is told to stop; then exit 1 if it ever refused. Its key and the checkpoints that it cosigned are
    in its own folder: keep that where the log's owner cannot write.
    """
    if not log or key is None or state is None:
        paths = LocalStack().paths
        log, key, state = log or str(paths.audit_log), key or paths.audit_log_vkey, state or paths.witness
    log_key = read_log_key(key)
    watch = Watch(Witness(state, log_key, name, SystemClock()), open_log(log, ca, certificate, private_key))
    if once:
        raise typer.Exit(0 if watch.look() else EXIT_FAILED)
    asyncio.run(rounds_until_stopped(watch.look, watch.health, every=every, health_port=health_port))
    raise typer.Exit(EXIT_FAILED if watch.alarmed else 0)
