"""Where the query service's objects meet: Kafka, Milvus, the model, the keys, and the HTTPS interface over them."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from aiohttp import web

from staithe.kernel.clock import Clock
from staithe.kernel.errors import ConfigurationError, StaitheError
from staithe.kernel.files import read_secret
from staithe.kernel.http import serve_https
from staithe.kernel.identity.verify import DiscoveredKeys, KeySource, TokenVerifier
from staithe.kernel.service import Runtime
from staithe.kernel.stream.assembly import event_codec
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.table import CurrentTable
from staithe.kernel.tls import client_context
from staithe.keys.client.sealing import VersionOpener
from staithe.keys.client.service import KeyServiceClient
from staithe.keys.client.terms import TermKeys
from staithe.query import limits
from staithe.query.access_rules import AccessRules, load_access_rules
from staithe.query.audit import SERVICE, AuditTrail, KeyedDigest
from staithe.query.authentication import load_authentication
from staithe.query.clip import ClippingEncoder
from staithe.query.evidence_source import AuditLogPages
from staithe.query.http.chat import ChatHandlers
from staithe.query.http.evidence import EvidenceHandlers
from staithe.query.http.handlers import Handlers
from staithe.query.http.mcp.endpoint import McpEndpoint
from staithe.query.http.rates import RateLimiter
from staithe.query.http.recorded import RecordedQueries
from staithe.query.http.routes import query_application
from staithe.query.http.sign_in.cookies import SealedCookies
from staithe.query.http.sign_in.provider import ConsoleClient, OpenIdProvider
from staithe.query.http.sign_in.routes import SignIn
from staithe.query.http.sign_in.session import ConsoleSessions
from staithe.query.http.step_up import demand_of
from staithe.query.language.gateway import ProviderGateway
from staithe.query.language.registry import load_provider
from staithe.query.language.writer import AnswerWriter, TokenBudget
from staithe.query.retrieval import Retriever
from staithe.query.settings import QuerySettings
from staithe.query.stage import QueryStage
from staithe.query.terms import BlindQuestions
from staithe.query.worker import BoundedWorker
from staithe.vectors.model.encoder import load_encoder
from staithe.vectors.model.files import model_paths
from staithe.vectors.store import MilvusAddress, MilvusConnection, MilvusIndexReader, MilvusTls

CURRENT_TOPIC: Final = "documents.current.v1"
_POLL_SECONDS: Final = 0.05


class QueryApp:
    """The service as the process runs it."""

    def __init__(
        self, application: web.Application, settings: QuerySettings, *,
        current: CurrentTable, publisher: Publisher, workers: tuple[BoundedWorker, ...], writer: AnswerWriter | None,
    ) -> None:  # fmt: skip
        self._writer = writer
        self._application, self._settings = application, settings
        self._current, self._publisher, self._workers = current, publisher, workers
        self._server: web.AppRunner | None = None

    async def start(self) -> None:
        """Follow the current documents and listen; raises ConfigurationError when the port is not ours."""
        self._current.start()
        settings = self._settings
        try:
            self._server = await serve_https(
                self._application, host=settings.https_host, port=settings.https_port,
                certificate_file=settings.certificate_file, private_key_file=settings.private_key_file,
                clients_ca_file=settings.callers_ca_file, strangers_too=True,
            )  # fmt: skip
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.https_port} on {settings.https_host} is taken or not ours: "
                "set STAITHE_QUERY_HTTPS_PORT to a free one",
                reason_code="PORT_BUSY",
            ) from error

    def fatal(self) -> StaitheError | None:
        """Why nothing may be served any more, if so."""
        return self._current.fatal

    async def stop(self) -> None:
        """Finish the requests under way, then let go of Kafka."""
        if self._server is not None:
            await self._server.cleanup()
        if self._writer is not None:
            await self._writer.close()
        for worker in self._workers:
            worker.close()
        await _finish(self._publisher.close, self._current.stop)


async def _finish(*closings: Callable[[], None]) -> None:
    """Run each in a thread of its own; after CLOSE_SECONDS_MAX they are left behind.

    The threads are daemons: with the broker away a close can take half a minute, and the process must be able to end.
    Every answer has its audit event by now, so nothing is lost.
    """
    threads = [threading.Thread(target=closing, daemon=True) for closing in closings]
    for thread in threads:
        thread.start()
    for _ in range(int(limits.CLOSE_SECONDS_MAX / _POLL_SECONDS)):
        if not any(thread.is_alive() for thread in threads):
            return
        await asyncio.sleep(_POLL_SECONDS)


def build(runtime: Runtime, settings: QuerySettings) -> QueryApp:
    """The service for these settings; raises ConfigurationError or Integrity when a file is not usable."""
    clock, metrics, logger = runtime.clock, runtime.metrics, runtime.logger
    access, codec = KafkaAccess.of(SERVICE, settings), event_codec(settings)
    keys = KeyServiceClient(settings.key_service())
    opener = VersionOpener(keys, clock)
    current = CurrentTable(access, codec, topic=CURRENT_TOPIC, logger=logger, on_erased=opener.forget)
    runtime.health.add("current_documents", current.caught_up)
    encoding = BoundedWorker("encoding", threads=limits.ENCODE_THREADS, waiting_max=limits.ENCODE_WAITING_MAX)
    searching = BoundedWorker("searching", threads=limits.SEARCH_THREADS, waiting_max=limits.SEARCH_WAITING_MAX)
    publishing = BoundedWorker("publishing", threads=limits.PUBLISH_THREADS, waiting_max=limits.PUBLISH_WAITING_MAX)
    model = load_encoder(model_paths(settings.model_cache_dir))
    encoder = ClippingEncoder(model)
    reader = MilvusIndexReader(MilvusConnection(milvus_address(settings)), encoder.model_digest)
    rules = load_access_rules(settings.access_file)
    stage = QueryStage(
        encoder=encoder, index=reader, opener=opener, current=current, clock=clock, encoding=encoding, rules=rules,
        searching=searching, retriever=Retriever(
            index=reader, opener=opener, current=current, terms=BlindQuestions(TermKeys(keys, clock), model.tokenizer),
            model_digest=encoder.model_digest, clock=clock, metrics=metrics, searching=searching, rules=rules,
        ),
    )  # fmt: skip
    publisher = Publisher(access, codec)
    trail = AuditTrail(publisher, publishing, clock, KeyedDigest.from_file(settings.audit_key_file))
    writer = _writer(runtime, settings, current, trail, rules)
    queries = RecordedQueries(stage, trail, writer)
    issuer_keys = DiscoveredKeys(settings.issuer_url, client_context(settings.ca_file), clock)
    application = query_application(
        handlers=Handlers(
            stage=stage, queries=queries, trail=trail, publisher=publisher, publishing=publishing, clock=clock
        ),
        chat=ChatHandlers(queries=queries, encoder=encoder, clock=clock),
        mcp=McpEndpoint(queries, trail, logger), evidence=EvidenceHandlers(_log_pages(settings), trail, clock),
        trail=trail,
        verifier=TokenVerifier(
            issuer_url=settings.issuer_url, audience=settings.audience, keys=issuer_keys, clock=clock,
            demand=demand_of(load_authentication(settings.authentication_file)),
        ),
        sign_in=_sign_in(settings, issuer_keys, clock), issuer_url=settings.issuer_url, ready=current.caught_up,
        health=runtime.health, limiter=RateLimiter(settings.requests_per_minute, clock), metrics=metrics,
        clock=clock, logger=logger,
    )  # fmt: skip
    return QueryApp(
        application,
        settings,
        current=current,
        publisher=publisher,
        workers=(encoding, searching, publishing),
        writer=writer,
    )


def milvus_address(settings: QuerySettings) -> MilvusAddress:
    """Where and who we are to Milvus; raises ConfigurationError when it would be neither local nor protected."""
    tls = None
    if settings.milvus_ca_file and settings.milvus_certificate_file and settings.milvus_private_key_file:
        tls = MilvusTls(
            settings.milvus_ca_file, settings.milvus_certificate_file, settings.milvus_private_key_file,
            settings.milvus_server_name,
        )  # fmt: skip
    return MilvusAddress(settings.milvus_uri, settings.milvus_user, settings.milvus_password_file, tls)


def _log_pages(settings: QuerySettings) -> AuditLogPages:
    return AuditLogPages(
        settings.log_url, settings.log_ca_file, settings.log_certificate_file, settings.log_private_key_file
    )


def _writer(
    runtime: Runtime, settings: QuerySettings, current: CurrentTable, trail: AuditTrail, rules: AccessRules
) -> AnswerWriter | None:
    """The way to the language model that the settings name; None when they name none."""
    if not settings.llm_provider or settings.llm_providers_file is None or settings.llm_key_file is None:
        return None
    provider = load_provider(settings.llm_providers_file, settings.llm_provider)
    key = read_secret(settings.llm_key_file).decode("ascii", "replace").strip()
    gateway = ProviderGateway(provider, key, seconds_max=settings.llm_seconds_max, clock=runtime.clock)
    budget = TokenBudget(settings.llm_tokens_per_hour, runtime.clock)
    return AnswerWriter(
        provider, gateway, current=current, trail=trail, budget=budget, clock=runtime.clock, metrics=runtime.metrics,
        rules=rules,
    )  # fmt: skip


def _sign_in(settings: QuerySettings, keys: KeySource, clock: Clock) -> SignIn | None:
    """Sign-in at the issuer; None when the settings do not ask for it."""
    if settings.console_key_file is None:
        return None
    client = ConsoleClient(settings.console_client_id, settings.console_url, settings.console_scopes)
    tls = client_context(settings.ca_file)
    cookies = SealedCookies.from_file(settings.console_key_file, clock)
    provider = OpenIdProvider(settings.issuer_url, client, keys=keys, tls=tls, clock=clock)
    return SignIn(provider, cookies, ConsoleSessions(cookies, settings.console_url))
