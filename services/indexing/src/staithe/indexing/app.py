"""Joins the indexing service's parts."""

import asyncio

from staithe.indexing.erasure import Eraser
from staithe.indexing.settings import IndexingSettings
from staithe.indexing.stage import CURRENT_TOPIC, IndexingStage
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys
from staithe.kernel.service import DRAIN_SECONDS_MAX, Application, Runtime
from staithe.kernel.stream.assembly import event_codec, stream_for
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.runtime import StreamRuntime
from staithe.kernel.stream.table import CurrentTable
from staithe.kernel.version import code_version
from staithe.keys.client.sealing import VersionSealer
from staithe.keys.client.service import KeyServiceClient
from staithe.vectors.model.pins import DIMENSIONS, model_digest
from staithe.vectors.store import MilvusConnection, MilvusIndexWriter

SERVICE = "indexing"
FLUSH_CHECK_SECONDS = 1.0


class IndexingApplication:
    """The stream, the table it decides by, and the flushing of an idle index."""

    def __init__(self, stream: StreamRuntime, table: CurrentTable, writer: MilvusIndexWriter) -> None:
        self._stream, self._table, self._writer = stream, table, writer
        self._flushing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin following and consuming."""
        self._table.start()
        self._stream.start()
        self._flushing = asyncio.create_task(self._flush_when_idle())

    def fatal(self) -> StaitheError | None:
        """Why the service can't go on, if it can't."""
        return self._stream.fatal or self._table.fatal

    async def stop(self) -> None:
        """Finish or abandon the batch under way."""
        if self._flushing is not None:
            self._flushing.cancel()
        await asyncio.to_thread(self._stream.stop, DRAIN_SECONDS_MAX)
        self._table.stop()

    async def _flush_when_idle(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_CHECK_SECONDS)
            try:
                await asyncio.to_thread(self._writer.flush_if_due)
            except StaitheError:
                continue  # rows stay durable unflushed; the next write reports a Milvus that is down


def build(runtime: Runtime, settings: IndexingSettings) -> Application:
    """The service, not yet started."""
    codec, keys = event_codec(settings), KeyServiceClient(settings.key_service())
    digest = model_digest()
    writer = MilvusIndexWriter(MilvusConnection(settings.milvus_address()), digest, clock=runtime.clock)
    table = CurrentTable(KafkaAccess.of(SERVICE, settings), codec, topic=CURRENT_TOPIC, logger=runtime.logger)
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
    return IndexingApplication(stream, table, writer)
