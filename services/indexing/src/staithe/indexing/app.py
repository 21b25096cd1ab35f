"""Joins the indexing service's parts."""

import asyncio
import time

from staithe.indexing.embedded import EmbeddedTopic
from staithe.indexing.erasure import Eraser
from staithe.indexing.reconciler import Reconciler
from staithe.indexing.rounds import STEADY_SECONDS, Rounds
from staithe.indexing.settings import IndexingSettings
from staithe.indexing.stage import CURRENT_TOPIC, IndexingStage
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import DRAIN_SECONDS_MAX, Application, Runtime
from staithe.kernel.stream.assembly import event_codec, stream_for
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.runtime import StreamRuntime
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.kernel.stream.table import CurrentTable
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionSealer
from staithe.keys.client.service import KeyServiceClient
from staithe.vectors.model.pins import DIMENSIONS, model_digest
from staithe.vectors.store import MilvusConnection, MilvusIndexWriter

SERVICE = "indexing"
FLUSH_CHECK_SECONDS = 1.0


class IndexingApplication:
    """The stream, the table it decides by, the flushing of an idle index, and the rounds of the reconciler."""

    def __init__(
        self, stream: StreamRuntime, table: CurrentTable, writer: MilvusIndexWriter, rounds: Rounds,
        publisher: Publisher,
    ) -> None:  # fmt: skip
        self._stream, self._table, self._writer = stream, table, writer
        self._rounds, self._publisher = rounds, publisher
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin following and consuming."""
        self._table.start()
        self._stream.start()
        self._tasks = [asyncio.create_task(self._flush_when_idle()), asyncio.create_task(self._rounds.run())]

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.fatal or self._table.fatal

    async def stop(self) -> None:
        """Finish or abandon the batch under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self._stream.stop, DRAIN_SECONDS_MAX)
        self._table.stop()
        await asyncio.to_thread(self._publisher.close)

    async def _flush_when_idle(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_CHECK_SECONDS)
            try:
                await asyncio.to_thread(self._writer.flush_if_due)
                await asyncio.to_thread(self._writer.compact_if_due)
            except StaitheError:
                continue  # rows stay durable unflushed; the next write reports a Milvus that is down


def build(runtime: Runtime, settings: IndexingSettings) -> Application:
    """The service, not yet started."""
    codec, keys = event_codec(settings), KeyServiceClient(settings.key_service())
    digest = model_digest()
    writer = MilvusIndexWriter(MilvusConnection(settings.milvus_address()), digest, clock=runtime.clock)
    access = KafkaAccess.of(SERVICE, settings)
    table = CurrentTable(access, codec, topic=CURRENT_TOPIC, logger=runtime.logger)
    stage = IndexingStage(
        writer, table, Eraser(writer, keys, runtime.clock), model_digest=digest, dimensions=DIMENSIONS,
        verifier=LineageVerifier(
            expected=("ingestion", "sanitization", "embedding"), keys=load_trusted_keys(settings.trust_file)
        ),
        author=LineageAuthor(
            service=SERVICE, code_version=code_version(SERVICE), signer=Signer.from_file(settings.signing_key_file)
        ),
        clock=runtime.clock,
    )  # fmt: skip

    sealer = VersionSealer(keys, runtime.clock, KeyringSealer.from_file(settings.keyring_file))
    stream = stream_for(runtime, stage, codec, sealer=sealer, on_assigned=table.catch_up)
    publisher = Publisher(access, codec)
    reconciler = Reconciler(
        writer, EmbeddedTopic(access, codec), current=table.newest, restore=stage.restore,
        note=lambda event: publisher.publish(AUDIT_TOPIC, event), audit=AuditAuthor(SERVICE, runtime.clock),
        pause=lambda: time.sleep(STEADY_SECONDS),
    )  # fmt: skip
    minutes = settings.reconcile_minutes if settings.replica == 0 else 0
    rounds = Rounds(reconciler, ready=table.caught_up, minutes=minutes, metrics=runtime.metrics, logger=runtime.logger)
    return IndexingApplication(stream, table, writer, rounds, publisher)
