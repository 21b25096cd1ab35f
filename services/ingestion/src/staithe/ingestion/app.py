"""Joins the ingestion service's parts."""

import asyncio
import contextlib

from aiohttp import web

from staithe.ingestion.http.reviews import ReviewRoutes
from staithe.ingestion.http.routes import UploadRoutes
from staithe.ingestion.parsers.sandbox import ParserPool
from staithe.ingestion.parsers.sniff import SUPPORTED
from staithe.ingestion.review import ReviewAuthor, Reviewers
from staithe.ingestion.settings import IngestionSettings
from staithe.ingestion.stage import IngestionStage, keys_needed
from staithe.ingestion.sweep import SWEEP_SECONDS, Sweeper
from staithe.ingestion.tables import Tables
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.crypto.sealing import KeyringSealer, Sealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.http import api_application, serve_https
from staithe.kernel.identity.verify import DiscoveredKeys, TokenVerifier
from staithe.kernel.lineage import LineageAuthor
from staithe.kernel.service import DRAIN_SECONDS_MAX, Application, Runtime
from staithe.kernel.stream.assembly import event_codec, stream_for
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.runtime import StreamRuntime
from staithe.kernel.tls import client_context
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionOpener, VersionSealer, fetch_ahead
from staithe.keys.client.service import KeyServiceClient

SERVICE = "ingestion"


class IngestionApplication:
    """The stream, the upload API with the review desk, and the sweeper in one process."""

    def __init__(
        self, settings: IngestionSettings, *, parsers: ParserPool, stream: StreamRuntime,
        tables: Tables, publisher: Publisher, api: web.Application, sweeper: Sweeper, runtime: Runtime,
    ) -> None:  # fmt: skip
        self._settings, self._parsers, self._stream = settings, parsers, stream
        self._tables, self._publisher, self._api = tables, publisher, api
        self._sweeper, self._logger = sweeper, runtime.logger
        self._server: web.AppRunner | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the parser children, the stream and the API."""
        await asyncio.to_thread(self._parsers.start)
        self._tables.start()
        self._stream.start()
        settings = self._settings
        self._server = await serve_https(
            self._api, host=settings.https_host, port=settings.https_port,
            certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
        )  # fmt: skip
        self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if not self._tables.caught_up():
                continue
            try:
                count = await asyncio.to_thread(self._sweeper.sweep)
            except StaitheError as error:  # the next pass finds what is still due
                self._logger.warning("sweep_failed", reason_code=error.reason_code)
            else:
                if count:
                    self._logger.info("swept", count=count)

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.fatal or self._tables.fatal

    async def stop(self) -> None:
        """Refuse new uploads, finish those under way, then the stream."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        if self._server is not None:
            await self._server.cleanup()
        await asyncio.to_thread(self._stream.stop, DRAIN_SECONDS_MAX)
        await asyncio.to_thread(self._publisher.close)
        self._tables.stop()
        self._parsers.close()


def build(runtime: Runtime, settings: IngestionSettings) -> Application:
    """The service, not yet started."""
    codec, keys = event_codec(settings), KeyServiceClient(settings.key_service())
    sealer = VersionSealer(keys, runtime.clock, KeyringSealer.from_file(settings.keyring_file))
    access = KafkaAccess.of(SERVICE, settings)
    parsers = ParserPool(settings.parser_children)
    signer = Signer.from_file(settings.signing_key_file)
    author = LineageAuthor(service=SERVICE, code_version=code_version(SERVICE), signer=signer)
    opener = VersionOpener(keys, runtime.clock)
    stage = IngestionStage(parsers, opener=opener, sealer=sealer, author=author, clock=runtime.clock)
    tables = Tables(access, codec, runtime)
    publisher = Publisher(access, codec)
    reviews = ReviewAuthor(signer, runtime.clock)
    sweeper = Sweeper(
        publisher, current=tables.current.newest, held=tables.held.newest, reviewed=tables.reviewed, author=reviews,
        audit=AuditAuthor(SERVICE, runtime.clock), hold_ms_max=settings.quarantine_hours * 3_600_000,
        clock=runtime.clock,
    )  # fmt: skip
    api = _api(runtime, settings, publisher, tables, sealer)
    ReviewRoutes(
        publisher, tables.held, tables.reviewed, reviewers=Reviewers.from_file(settings.audit_key_file),
        author=reviews, audit=AuditAuthor(SERVICE, runtime.clock),
    ).add_to(api)  # fmt: skip
    return IngestionApplication(
        settings, parsers=parsers, tables=tables, publisher=publisher, api=api, sweeper=sweeper, runtime=runtime,
        stream=stream_for(
            runtime, stage, codec, sealer=sealer, concurrency=settings.parser_children,
            preparation=fetch_ahead(opener, sealer, keys_needed),
        ),
    )  # fmt: skip


def _api(
    runtime: Runtime, settings: IngestionSettings, publisher: Publisher, tables: Tables, sealer: Sealer
) -> web.Application:
    keys = DiscoveredKeys(settings.issuer_url, client_context(settings.ca_file), runtime.clock)
    verifier = TokenVerifier(issuer_url=settings.issuer_url, audience=settings.audience, keys=keys, clock=runtime.clock)
    api = api_application(verifier=verifier, logger=runtime.logger, open_paths=())
    routes = UploadRoutes(
        publisher, tables, sealer=sealer, content_types=frozenset(SUPPORTED), clock=runtime.clock
    )  # fmt: skip
    routes.add_to(api)
    return api
