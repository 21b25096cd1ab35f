"""Faust where at-least-once with deduplication is right: a worker that hands batches of records to one function.

What is set on purpose: `read_committed`, which Faust uses only with its exactly-once mode (that mode lost events when
workers were killed, so it is not used); no leader topic and no topic declarations, so that the principal needs no
Create; acknowledgement only after the function returned; a failing batch is tried again, never skipped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from yarl import URL

from staithe.kernel.errors import Integrity, StaitheError, Unavailable
from staithe.kernel.files import read_password
from staithe.kernel.limits import RETRY_SECONDS_MAX
from staithe.kernel.settings import ServiceSettings
from staithe.kernel.stream.record import Outgoing, Record
from staithe.kernel.telemetry import Logger, Metrics
from staithe.kernel.tls import client_context

BATCH_RECORDS_MAX: Final = 256
"""Records acknowledged together: one disk sync serves them all."""
BATCH_WAIT_SECONDS: Final = 0.02
SESSION_SECONDS: Final = 10.0
STOP_SECONDS_MAX: Final = 8.0

BatchFunction = Callable[[Sequence[Record]], Awaitable[Sequence[Outgoing]]]
"""Makes a batch durable and returns dead letters to produce; raises Unavailable to be called again with the same."""


def _read_committed_transport() -> Any:
    """Faust's Kafka transport with `read_committed`, for which Faust has no setting.

    The level is set between making and starting the consumer; a test on a real broker guards the private name.
    """
    from faust.transport.drivers import aiokafka as driver  # noqa: PLC0415 - importing Faust starts a process (`file`)

    class Thread(driver.AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            consumer._isolation_level = "read_committed"  # noqa: SLF001 - see the function's docstring
            return consumer

    class Consumer(driver.Consumer):
        def _new_consumer_thread(self) -> Any:
            return Thread(self, loop=self.loop, beacon=self.beacon)

    return type("Transport", (driver.Transport,), {"Consumer": Consumer})


def make_faust_app(service: str, settings: ServiceSettings, data_dir: Path) -> Any:
    """A Faust app of `service` over SCRAM and TLS 1.3, with no web server, no leader topic and no tables on disk."""
    import faust  # noqa: PLC0415 - importing Faust starts a process (`file`), and imports must do nothing

    hosts = ";".join(f"kafka://{each.strip()}" for each in settings.kafka_bootstrap.split(","))
    app = faust.App(
        service, broker=hosts, store="memory://", datadir=data_dir, value_serializer="raw", key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True, topic_allow_declare=False, processing_guarantee="at_least_once",
        broker_session_timeout=SESSION_SECONDS, broker_heartbeat_interval=2.0, broker_commit_interval=0.5,
        broker_credentials=faust.SASLCredentials(
            username=service, password=read_password(settings.kafka_password_file), mechanism="SCRAM-SHA-512",
            ssl_context=client_context(settings.ca_file),
        ),
        consumer_auto_offset_reset="earliest", producer_acks=-1, stream_wait_empty=False,
        stream_buffer_maxsize=2 * BATCH_RECORDS_MAX,
    )  # fmt: skip
    app.transport = _read_committed_transport()([URL(each) for each in hosts.split(";")], app, loop=app.loop)
    return app


class FaustStream:
    """One agent over one topic that hands batches to a function, in order, and acknowledges what it made durable."""

    def __init__(
        self, service: str, settings: ServiceSettings, topic: str, function: BatchFunction, *, data_dir: Path,
        metrics: Metrics, logger: Logger,
    ) -> None:  # fmt: skip
        self._function, self._topic, self._metrics, self._logger = function, topic, metrics, logger
        self.app = make_faust_app(service, settings, data_dir)
        self.fatal: StaitheError | None = None
        source = self.app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self.app.agent(source, name=f"{service}-agent")(self._agent)

    async def start(self) -> None:
        """Join the group and begin; returns when Faust has started."""
        await self.app.start()

    async def stop(self) -> None:
        """Leave the group; what was not acknowledged is delivered again."""
        await asyncio.wait_for(self.app.stop(), STOP_SECONDS_MAX)

    def failure(self) -> StaitheError | None:
        """Why nothing more will be consumed, if so; Faust itself goes on running after its consumer has crashed."""
        if self.fatal is None and (self.app.crashed or self.app.consumer.crashed):
            self.fatal = Integrity("Faust's consumer crashed", reason_code="STREAM_CRASHED")
        return self.fatal

    def working(self) -> bool:
        """Whether partitions are assigned and nothing has failed."""
        return self.failure() is None and self.app.started and bool(self.app.consumer.assignment())

    async def _agent(self, stream: Any) -> None:
        pending: asyncio.Queue[Any] = asyncio.Queue(BATCH_RECORDS_MAX)
        worker = asyncio.create_task(self._work(stream, pending))
        try:
            async for event in stream.noack().events():
                await pending.put(event)
        finally:
            worker.cancel()

    async def _work(self, stream: Any, pending: asyncio.Queue[Any]) -> None:
        try:
            while True:
                events = await _gather(pending)
                for each in await self._until_durable([_record(event) for event in events]):
                    sent = await self.app.topic(each.topic).send(key=each.key, value=each.value)
                    await sent
                for event in events:
                    await stream.ack(event)
                self._metrics.records.labels(topic=self._topic, fate="moved").inc(len(events))
        except StaitheError as error:
            # An exception leaving a Faust agent would acknowledge the batch: keep it, and end the process instead.
            self.fatal = error

    async def _until_durable(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        pause = 0.1
        while True:
            try:
                return await self._function(records)
            except Unavailable as error:
                self._metrics.retries.labels(reason_code=error.reason_code).inc()
                self._logger.warning("retrying_in_place", reason_code=error.reason_code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_SECONDS_MAX)


async def _gather(pending: asyncio.Queue[Any]) -> list[Any]:
    """At least one event, and those that follow within BATCH_WAIT_SECONDS, up to BATCH_RECORDS_MAX."""
    events = [await pending.get()]
    deadline = asyncio.get_running_loop().time() + BATCH_WAIT_SECONDS
    while len(events) < BATCH_RECORDS_MAX:
        try:
            async with asyncio.timeout_at(deadline):
                events.append(await pending.get())
        except TimeoutError:
            break
    return events


def _record(event: Any) -> Record:
    message = event.message
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        topic=message.topic, partition=message.partition, offset=message.offset, key=message.key, value=event.value,
        headers=tuple(headers),
    )  # fmt: skip
