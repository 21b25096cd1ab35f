"""Joins the parts of a stream service, the same way for each: codec, settler, runtime, health check."""

import asyncio
from collections.abc import Callable

from staithe.kernel.codec import load_event_schemas
from staithe.kernel.crypto.sealing import Sealer
from staithe.kernel.errors import StaitheError
from staithe.kernel.service import DRAIN_SECONDS_MAX, Runtime
from staithe.kernel.settings import ServiceSettings
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import EventCodec, Registry
from staithe.kernel.stream.runtime import StreamConfig, StreamRuntime
from staithe.kernel.stream.settle import Preparation, Settler, StageFunction
from staithe.kernel.topology import load_topology


def event_codec(settings: ServiceSettings) -> EventCodec:
    """The codec that a service's settings describe; raises ConfigurationError when files are missing."""
    return EventCodec(
        load_topology(settings.topology_file),
        load_event_schemas(settings.schemas_dir),
        Registry(settings.registry_url, settings.ca_file),
    )


def stream_for(
    runtime: Runtime, stage: StageFunction, codec: EventCodec, *,
    sealer: Sealer, concurrency: int = 1, on_assigned: Callable[[], None] | None = None,
    preparation: Preparation | None = None, ahead: bool = False,
) -> StreamRuntime:  # fmt: skip
    """The stream of a service: it consumes what topology.yaml says and runs `stage`; `sealer` seals dead letters.

    `preparation` runs once before each batch; `ahead` as in StreamConfig.
    """
    settings = runtime.settings
    consumed = load_topology(settings.topology_file).services[runtime.service].consumes
    settler = Settler(
        runtime.service, stage, codec, sealer,
        metrics=runtime.metrics, logger=runtime.logger, clock=runtime.clock, preparation=preparation,
    )  # fmt: skip
    config = StreamConfig(runtime.service, settings.replica, consumed, concurrency=concurrency, ahead=ahead)
    stream = StreamRuntime(
        config, KafkaAccess.of(runtime.service, settings), settler, on_assigned=on_assigned,
        metrics=runtime.metrics, logger=runtime.logger, clock=runtime.clock,
    )  # fmt: skip
    runtime.health.add("stream", stream.working)
    return stream


class StreamApplication:
    """A service that is nothing but its stream."""

    def __init__(self, stream: StreamRuntime) -> None:
        self._stream = stream

    async def start(self) -> None:
        """Begin consuming."""
        self._stream.start()

    def fatal(self) -> StaitheError | None:
        """Why the stream ended, if it did."""
        return self._stream.fatal

    async def stop(self) -> None:
        """Finish or abandon the batch under way."""
        await asyncio.to_thread(self._stream.stop, DRAIN_SECONDS_MAX)
