"""Joins the ingestion service's parts."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from staithe.ingestion.http.reviews import ReviewRoutes
from staithe.ingestion.http.routes import UploadRoutes
from staithe.ingestion.leftovers import ObjectSweeper
from staithe.ingestion.objects import ObjectsAddress, ObjectStore
from staithe.ingestion.parsers.sandbox import ParserPool
from staithe.ingestion.parsers.sniff import SUPPORTED
from staithe.ingestion.review import ReviewAuthor, Reviewers
from staithe.ingestion.settings import IngestionSettings
from staithe.ingestion.sizes import TenantSizes
from staithe.ingestion.stage import IngestionStage, keys_needed
from staithe.ingestion.sweep import SWEEP_SECONDS, Sweeper
from staithe.ingestion.tables import Tables
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.crypto.sealing import KeyringSealer
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
from staithe.keys.tenants import load_tenants

SERVICE = "ingestion"


class IngestionApplication:
    """The stream, the upload API with the review desk, and the sweeper in one process."""

    def __init__(
        self, settings: IngestionSettings, *, parsers: ParserPool, stream: StreamRuntime,
        tables: Tables, publisher: Publisher, api: web.Application, sweeper: Sweeper, leftovers: ObjectSweeper,
        runtime: Runtime,
    ) -> None:  # fmt: skip
        self._settings, self._parsers, self._stream = settings, parsers, stream
        self._tables, self._publisher, self._api = tables, publisher, api
        self._sweeps = (sweeper.sweep, leftovers.sweep)
        self._logger = runtime.logger
        self._server: web.AppRunner | None = None
        self._sweeping: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the parser children, the stream and the API."""
        await asyncio.to_thread(self._parsers.start)
        self._tables.start()
        self._stream.start()
        settings = self._settings
        self._server = await serve_https(
            self._api, host=settings.https_host, port=settings.https_port,
            certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
            clients_ca_file=settings.callers_ca_file, strangers_too=True,
        )  # fmt: skip
        self._sweeping = [asyncio.create_task(self._sweep(each)) for each in self._sweeps]

    async def _sweep(self, sweep: Callable[[], int]) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if not self._tables.caught_up():
                continue
            try:
                count = await asyncio.to_thread(sweep)
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
        for each in self._sweeping:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each
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
    objects, limits = ObjectStore.at(_objects(settings)), TenantSizes(load_tenants(settings.tenants_file))
    stage = IngestionStage(
        parsers, objects=objects, limits=limits, opener=opener, sealer=sealer, author=author, clock=runtime.clock
    )
    tables = Tables(access, codec, runtime)
    publisher = Publisher(access, codec)
    reviews = ReviewAuthor(signer, runtime.clock)
    sweeper = Sweeper(
        publisher, current=tables.current.newest, held=tables.held.newest, reviewed=tables.reviewed, author=reviews,
        audit=AuditAuthor(SERVICE, runtime.clock), hold_ms_max=settings.quarantine_hours * 3_600_000,
        clock=runtime.clock,
    )  # fmt: skip
    api = _api(runtime, settings)
    UploadRoutes(
        publisher, tables, sealer=sealer, objects=objects, limits=limits, content_types=frozenset(SUPPORTED),
        clock=runtime.clock,
    ).add_to(api)  # fmt: skip
    ReviewRoutes(
        publisher, tables.held, tables.reviewed, reviewers=Reviewers.from_file(settings.audit_key_file),
        author=reviews, audit=AuditAuthor(SERVICE, runtime.clock),
    ).add_to(api)  # fmt: skip
    return IngestionApplication(
        settings, parsers=parsers, tables=tables, publisher=publisher, api=api, sweeper=sweeper, runtime=runtime,
        leftovers=ObjectSweeper(objects, current=tables.current.newest, clock=runtime.clock),
        stream=stream_for(
            runtime, stage, codec, sealer=sealer, concurrency=settings.parser_children,
            preparation=fetch_ahead(opener, sealer, keys_needed),
        ),
    )  # fmt: skip


def _objects(settings: IngestionSettings) -> ObjectsAddress:
    return ObjectsAddress(
        settings.objects_url, settings.objects_endpoint, settings.objects_region, settings.objects_ca_file,
        settings.objects_credentials_file,
    )  # fmt: skip


def _api(runtime: Runtime, settings: IngestionSettings) -> web.Application:
    keys = DiscoveredKeys(settings.issuer_url, client_context(settings.ca_file), runtime.clock)
    verifier = TokenVerifier(issuer_url=settings.issuer_url, audience=settings.audience, keys=keys, clock=runtime.clock)
    return api_application(verifier=verifier, logger=runtime.logger, open_paths=())
