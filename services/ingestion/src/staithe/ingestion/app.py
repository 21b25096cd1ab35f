"""Joins the ingestion service's parts."""

import asyncio
from typing import Any

from aiohttp import web

from staithe.ingestion.http.routes import UploadRoutes
from staithe.ingestion.parsers.sandbox import ParserPool
from staithe.ingestion.parsers.sniff import SUPPORTED
from staithe.ingestion.settings import IngestionSettings
from staithe.ingestion.stage import IngestionStage
from staithe.kernel.crypto.sealing import KeyringSealer, Sealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.http import api_application, serve_https
from staithe.kernel.identity.verify import DiscoveredKeys, TokenVerifier
from staithe.kernel.lineage import LineageAuthor
from staithe.kernel.service import DRAIN_SECONDS_MAX, Application, Runtime
from staithe.kernel.stopped import DocumentRefused
from staithe.kernel.stream.assembly import event_codec, stream_for
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.letters import REFUSED_TOPIC
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.runtime import StreamRuntime
from staithe.kernel.stream.table import CurrentTable, LatestTable
from staithe.kernel.tls import client_context
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionOpener, VersionSealer
from staithe.keys.client.service import KeyServiceClient

SERVICE = "ingestion"
CURRENT_TOPIC = "documents.current.v1"


class Tables:
    """What ingestion follows to tell a source where its document is."""

    def __init__(self, access: KafkaAccess, codec: EventCodec, runtime: Runtime) -> None:
        logger = runtime.logger
        self.current = CurrentTable(access, codec, topic=CURRENT_TOPIC, logger=logger)
        self.refused = LatestTable(access, codec, DocumentRefused, topic=REFUSED_TOPIC, logger=logger)
        self._all: dict[str, LatestTable[Any]] = {"current_table": self.current, "refused_table": self.refused}
        for name, table in self._all.items():
            runtime.health.add(name, table.caught_up)

    @property
    def fatal(self) -> StaitheError | None:
        """Why one of them can't go on, if one can't."""
        return next((table.fatal for table in self._all.values() if table.fatal), None)

    def start(self) -> None:
        """Begin following."""
        for table in self._all.values():
            table.start()

    def stop(self) -> None:
        """Stop following."""
        for table in self._all.values():
            table.stop()


class IngestionApplication:
    """The stream and the upload API in one process."""

    def __init__(
        self, settings: IngestionSettings, *, parsers: ParserPool, stream: StreamRuntime,
        tables: Tables, publisher: Publisher, api: web.Application,
    ) -> None:  # fmt: skip
        self._settings, self._parsers, self._stream = settings, parsers, stream
        self._tables, self._publisher, self._api = tables, publisher, api
        self._server: web.AppRunner | None = None

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

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.fatal or self._tables.fatal

    async def stop(self) -> None:
        """Refuse new uploads, finish those under way, then the stream."""
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
    author = LineageAuthor(
        service=SERVICE, code_version=code_version(SERVICE), signer=Signer.from_file(settings.signing_key_file)
    )
    stage = IngestionStage(
        parsers, opener=VersionOpener(keys, runtime.clock), sealer=sealer, author=author, clock=runtime.clock
    )
    tables = Tables(access, codec, runtime)
    publisher = Publisher(access, codec)
    return IngestionApplication(
        settings, parsers=parsers, tables=tables, publisher=publisher,
        stream=stream_for(
            runtime, stage, codec, sealer=sealer, concurrency=settings.parser_children
        ),
        api=_api(runtime, settings, publisher, tables, sealer),
    )  # fmt: skip


def _api(
    runtime: Runtime, settings: IngestionSettings, publisher: Publisher, tables: Tables, sealer: Sealer
) -> web.Application:
    keys = DiscoveredKeys(settings.issuer_url, client_context(settings.ca_file), runtime.clock)
    verifier = TokenVerifier(issuer_url=settings.issuer_url, audience=settings.audience, keys=keys, clock=runtime.clock)
    api = api_application(verifier=verifier, logger=runtime.logger, open_paths=())
    routes = UploadRoutes(
        publisher, tables.current, tables.refused, sealer=sealer, content_types=frozenset(SUPPORTED),
        clock=runtime.clock,
    )  # fmt: skip
    routes.add_to(api)
    return api
