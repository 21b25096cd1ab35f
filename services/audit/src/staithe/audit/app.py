"""Joins the audit service's parts: a Faust agent that appends every event once to the transparency log."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from staithe.audit.consume import AuditConsumer
from staithe.audit.dedup import EventIndex
from staithe.audit.http.routes import LogPages, Right
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.published import PublishedLog
from staithe.audit.settings import AuditSettings
from staithe.audit.stage import AppendStage
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.faust_app import FaustStream
from staithe.kernel.files import write_atomically
from staithe.kernel.http import serve_https
from staithe.kernel.service import Application, Runtime
from staithe.kernel.stream.assembly import event_codec
from staithe.kernel.stream.record import Outgoing, Record
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.topology import load_topology

SERVICE = "audit"

Result = TypeVar("Result")


class AuditApplication:
    """The log, its one writer thread, and the Faust stream in front of it."""

    def __init__(self, runtime: Runtime, settings: AuditSettings) -> None:
        self._runtime, self._settings = runtime, settings
        # One thread: the log and its index belong to it, and disk syncs stay off the event loop.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._codec, self._sealer = event_codec(settings), KeyringSealer.from_file(settings.keyring_file)
        self._tree_size = runtime.metrics.gauge("log_entries", "Entries in the published log.")
        self._duplicates = runtime.metrics.counter("duplicates_total", "Events that the log already had.")
        self._consumer: AuditConsumer | None = None
        self._pages: LogPages | None = None
        self._server: web.AppRunner | None = None
        self._stream: FaustStream | None = None

    async def start(self) -> None:
        """Open the log (verifying its edge), then begin to consume."""
        await self._in_writer(self._open)
        # Made here and not at construction, because Faust binds to the running event loop.
        self._stream = FaustStream(
            SERVICE, self._settings, AUDIT_TOPIC, self._append, data_dir=self._settings.index_file.parent / "faust",
            metrics=self._runtime.metrics, logger=self._runtime.logger,
        )  # fmt: skip
        self._runtime.health.add("stream", self._stream.working)
        await self._stream.start()
        await self._serve()

    async def _serve(self) -> None:
        """Open the log's pages; the log has a checkpoint and an index by now."""
        settings, key = self._settings, VerifierKey.parse(self._settings.vkey_file.read_text())
        self._pages = LogPages(
            PublishedLog(settings.log_dir, settings.index_file, key), readers_in(settings.topology_file),
            self._runtime.metrics,
        )  # fmt: skip
        try:
            self._server = await serve_https(
                self._pages.application(self._runtime.logger), host=settings.https_host, port=settings.https_port,
                certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
                clients_ca_file=settings.clients_ca_file,
            )  # fmt: skip
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.https_port} on {settings.https_host} is taken or not ours: "
                "set STAITHE_AUDIT_HTTPS_PORT to a free one",
                reason_code="PORT_BUSY",
            ) from error

    def _open(self) -> None:
        settings = self._settings
        log = TransparencyLog(settings.log_dir, Signer.from_file(settings.signing_key_file), settings.origin)
        write_atomically(settings.vkey_file, f"{log.key}\n".encode(), mode=0o600)
        stage = AppendStage(log, EventIndex(settings.index_file))
        self._tree_size.set(log.size)
        self._consumer = AuditConsumer(stage, self._codec, self._sealer, self._runtime.clock)

    async def _append(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        return await self._in_writer(lambda: self._append_now(records))

    def _append_now(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        assert self._consumer is not None  # noqa: S101 - start() opened the log before it began to consume
        result, dead_letters = self._consumer.append(records)
        self._tree_size.set(result.tree_size)
        self._duplicates.inc(result.duplicates)
        for each in dead_letters:
            self._runtime.metrics.dead_letters.labels(reason_code=each.reason_code).inc()
        return [each.outgoing for each in dead_letters]

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.failure() if self._stream else None

    async def stop(self) -> None:
        """Leave the group; the batch under way is finished or delivered again."""
        if self._server is not None:
            await self._server.cleanup()
        if self._pages is not None:
            self._pages.close()
        if self._stream is not None:
            await self._stream.stop()
        self._writer.shutdown(wait=True)

    async def _in_writer(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._writer, function)


def readers_in(topology_file: Path) -> dict[str, frozenset[Right]]:
    """Who may read what of the log, by the name in the certificate: the map says so."""
    readers = load_topology(topology_file).services[SERVICE].readers
    return {name: frozenset(rights) for name, rights in readers.items()}


def build(runtime: Runtime, settings: AuditSettings) -> Application:
    """The service, not yet started."""
    return AuditApplication(runtime, settings)
