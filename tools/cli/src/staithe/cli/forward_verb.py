"""audit forward: a process of its own that hands the log's events to a SIEM."""

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Final

import typer

from staithe.audit.forward import Forwarder
from staithe.audit.forward_state import StateFolder
from staithe.audit.sinks.choose import Identity, open_sink
from staithe.cli.console import guarded
from staithe.cli.log_round import read_log_key, rounds_until_stopped
from staithe.cli.remote_log import open_log
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import Integrity, StaitheError, Unavailable
from staithe.kernel.health import Health
from staithe.kernel.telemetry import Metrics, configure_logging

SERVICE: Final = "forwarder"
EVERY_SECONDS: Final = 2.0
"""An event is forwarded within this time; a look at an unchanged log costs one small file."""


class Relay:
    """Catches up again and again; keeps what health and metrics say of it."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self.metrics = Metrics(SERVICE)
        self.health = Health(self.metrics)
        self.health.add("forwarding", lambda: self.working and not forwarder.waiting)
        self.working = False
        self._logger = configure_logging(SERVICE, replica=0, level="INFO", metrics=self.metrics)
        self._sent = self.metrics.counter("events_forwarded_total", "Events that the sink acknowledged.")
        self._backlog = self.metrics.gauge("backlog_entries", "Entries of the log that the sink has not acknowledged.")
        self._looks = self.metrics.counter("rounds_total", "Rounds of forwarding, by how they ended.", ("result",))

    def round(self) -> None:
        """Forward what there is; a log or a sink that cannot be reached is tried again in the next round.

        Raises every other error: the process ends with it.
        """
        try:
            count = self._forwarder.catch_up(self._progress)
        except (Unavailable, OSError) as error:
            self.working = False
            self._looks.labels("waiting").inc()
            reason_code = error.reason_code if isinstance(error, StaitheError) else "FORWARDER_DISK"
            self._logger.warning("waiting", reason_code=reason_code, message=getattr(error, "message", ""))
        except StaitheError as error:
            self.working = False
            self._looks.labels("refused").inc()
            name = "log_refused" if isinstance(error, Integrity) else "forwarding_refused"
            self._logger.error(name, reason_code=error.reason_code, message=error.message)
            raise
        else:
            self.working = True
            self._looks.labels("forwarded").inc()
            if count:
                self._logger.info("forwarded", count=count, tree_size=self._forwarder.next_leaf)
        self._backlog.set(self._forwarder.log_size - self._forwarder.next_leaf)

    def _progress(self, count: int) -> None:
        self.working = True
        self._sent.inc(count)
        self._backlog.set(self._forwarder.log_size - self._forwarder.next_leaf)


@guarded
def forward(
    log: Annotated[str, typer.Option(help="Folder or https:// address of the log.")],
    key: Annotated[Path, typer.Option(help="File with the log's verification key (vkey).")],
    state: Annotated[Path, typer.Option(help="The forwarder's own folder: how far the sink has acknowledged.")],
    sink: Annotated[
        str, typer.Option(help="jsonl:PATH, syslog+tls://HOST:PORT, hec+https://…, otlp+https://… or https://…")
    ],
    ca: Annotated[Path | None, typer.Option(help="With an address: the authority of the log's certificate.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="With an address: the client certificate for it.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="With an address: that certificate's key.")] = None,
    sink_ca: Annotated[Path | None, typer.Option(help="The authority of the sink's certificate.")] = None,
    sink_certificate: Annotated[Path | None, typer.Option(help="A client certificate for the sink.")] = None,
    sink_private_key: Annotated[Path | None, typer.Option(help="That certificate's key.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="The sink's token, in a file with mode 0600.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at the log.")] = EVERY_SECONDS,
    once: Annotated[bool, typer.Option(help="Forward what there is and exit: 0 only if all was acknowledged.")] = False,
    health_port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1 for /livez, /readyz and /metrics.")] = None,
) -> None:
    """Forward the log's events as OCSF to a SIEM: in order, none left out, some perhaps twice.

    Each event carries its leaf index (`metadata.sequence`) and its id (`metadata.uid`), by which repeats are known.
    Runs until it is told to stop. A log that changed its past is never forwarded: exit 1.
    """
    log_key = read_log_key(key)
    stopping = threading.Event()
    receiver = open_sink(sink, Identity(sink_ca, sink_certificate, sink_private_key, token_file), stopping.wait)
    folder = StateFolder(state, log_key)
    forwarder = Forwarder(
        open_log(log, ca, certificate, private_key), log_key, folder, receiver, SystemClock(), stopping=stopping
    )
    try:
        if once:
            forwarder.catch_up()
        else:
            relay = Relay(forwarder)
            asyncio.run(
                rounds_until_stopped(
                    relay.round, relay.health, every=every, health_port=health_port, stop=stopping.set
                )
            )  # fmt: skip
    finally:
        receiver.close()
        folder.close()
