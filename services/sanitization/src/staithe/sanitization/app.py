"""Joins the sanitization service's parts."""

import asyncio

from aiohttp import web

from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.http import api_application, serve_https
from staithe.kernel.identity.verify import DiscoveredKeys, TokenVerifier
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import DRAIN_SECONDS_MAX, Application, Runtime
from staithe.kernel.stopped import DocumentHeld
from staithe.kernel.stream.assembly import event_codec, stream_for
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.runtime import StreamRuntime
from staithe.kernel.stream.table import LatestTable
from staithe.kernel.tls import client_context
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionOpener, VersionSealer, fetch_ahead
from staithe.keys.client.service import KeyServiceClient
from staithe.sanitization.build import engine_for
from staithe.sanitization.held_records import QuarantineTopic
from staithe.sanitization.http.routes import ReidentifyRoutes
from staithe.sanitization.policy_file import load_policy
from staithe.sanitization.pseudonyms import PseudonymKeys
from staithe.sanitization.quarantine import HELD_TOPIC, Quarantine
from staithe.sanitization.record import RecordAuthor
from staithe.sanitization.settings import SanitizationSettings
from staithe.sanitization.stage import SanitizationStage, keys_needed

SERVICE = "sanitization"


class SanitizationApplication:
    """The stream, the table of what is held, and the API that opens pseudonyms."""

    def __init__(
        self, settings: SanitizationSettings, *, stream: StreamRuntime, holds: LatestTable[DocumentHeld],
        publisher: Publisher, api: web.Application,
    ) -> None:  # fmt: skip
        self._settings, self._stream, self._holds = settings, stream, holds
        self._publisher, self._api = publisher, api
        self._server: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin following, consuming and answering."""
        self._holds.start()
        self._stream.start()
        settings = self._settings
        self._server = await serve_https(
            self._api, host=settings.https_host, port=settings.https_port,
            certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
            clients_ca_file=settings.callers_ca_file, strangers_too=True,
        )  # fmt: skip

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.fatal or self._holds.fatal

    async def stop(self) -> None:
        """Refuse new requests, finish those under way, then the stream."""
        if self._server is not None:
            await self._server.cleanup()
        await asyncio.to_thread(self._stream.stop, DRAIN_SECONDS_MAX)
        await asyncio.to_thread(self._publisher.close)
        self._holds.stop()


def build(runtime: Runtime, settings: SanitizationSettings) -> Application:
    """The service, not yet started."""
    signer, version = Signer.from_file(settings.signing_key_file), code_version(SERVICE)
    pseudonyms = PseudonymKeys.from_file(settings.pseudonym_key_file)
    engine = engine_for(load_policy(settings.policy_file), pseudonyms)
    keys = KeyServiceClient(settings.key_service())
    sealer = VersionSealer(keys, runtime.clock, KeyringSealer.from_file(settings.keyring_file))
    opener = VersionOpener(keys, runtime.clock)
    codec, access = event_codec(settings), KafkaAccess.of(SERVICE, settings)
    trusted = load_trusted_keys(settings.trust_file)
    holds = LatestTable(access, codec, DocumentHeld, topic=HELD_TOPIC, logger=runtime.logger)
    quarantine = Quarantine(
        holds, QuarantineTopic(access, codec), reviewed_by=trusted["ingestion"], clock=runtime.clock
    )
    stage = SanitizationStage(
        engine, quarantine, opener=opener, sealer=sealer,
        verifier=LineageVerifier(expected=("ingestion",), keys=trusted),
        author=LineageAuthor(service=SERVICE, code_version=version, signer=signer),
        records=RecordAuthor(code_version=version, signer=signer, digests=pseudonyms), clock=runtime.clock,
    )  # fmt: skip
    stream = stream_for(
        runtime, stage, codec, sealer=sealer, on_assigned=holds.catch_up,
        preparation=fetch_ahead(opener, sealer, keys_needed),
    )  # fmt: skip
    publisher = Publisher(access, codec)
    api = _api(runtime, settings, ReidentifyRoutes(pseudonyms, publisher, runtime.clock))
    return SanitizationApplication(settings, stream=stream, holds=holds, publisher=publisher, api=api)


def _api(runtime: Runtime, settings: SanitizationSettings, routes: ReidentifyRoutes) -> web.Application:
    keys = DiscoveredKeys(settings.issuer_url, client_context(settings.ca_file), runtime.clock)
    verifier = TokenVerifier(issuer_url=settings.issuer_url, audience=settings.audience, keys=keys, clock=runtime.clock)
    api = api_application(verifier=verifier, logger=runtime.logger, open_paths=())
    routes.add_to(api)
    return api
