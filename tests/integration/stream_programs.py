"""Programs for test_stream_runtime, run as processes of their own so that they can be killed.

    python stream_programs.py move|follow  SETTINGS.json

`move` runs the real StreamRuntime with a small stage; `follow` the real FaustStream, and prints what it was handed.
"""

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staithe.kernel.clock import SystemClock
from staithe.kernel.codec import load_event_schemas
from staithe.kernel.crypto.sealing import KeyringSealer
from staithe.kernel.errors import InvalidEvent, Unavailable
from staithe.kernel.events import AuditEvent, Event
from staithe.kernel.faust_app import FaustStream
from staithe.kernel.settings import ServiceSettings
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.record import Outgoing, Record
from staithe.kernel.stream.registry import EventCodec, Registry
from staithe.kernel.stream.runtime import StreamConfig, StreamRuntime
from staithe.kernel.stream.settle import Emit, Settler
from staithe.kernel.telemetry import Headers, Metrics, configure_logging
from staithe.kernel.topology import Topology

POISON = "POISON"
STOP_SECONDS_MAX = 10.0


def codec_of(given: dict[str, Any]) -> EventCodec:
    """The codec of a test's own topology."""
    registry = Registry(given["registry"], Path(given["authority"]))
    return EventCodec(Topology.model_validate(given["topology"]), load_event_schemas(Path(given["schemas"])), registry)


def move(given: dict[str, Any]) -> int:
    """Every event goes on to the output topic; poison is refused; while the file `closed` exists, nothing goes."""
    closed, seconds = Path(given["closed"]), float(given["seconds_per_record"])

    def stage(event: Event, _: Headers) -> Sequence[Emit]:
        assert isinstance(event, AuditEvent)
        if closed.exists():
            raise Unavailable("the file says so", reason_code="CLOSED")
        if event.reason_code == POISON:
            raise InvalidEvent("poison", reason_code=POISON)
        time.sleep(seconds)
        return [Emit(given["output"], event)]

    service, metrics, clock = given["service"], Metrics("mover"), SystemClock()
    logger = configure_logging(service, replica=given["replica"], level="INFO", metrics=metrics)
    sealer = KeyringSealer.from_file(Path(given["keyring"]))
    settler = Settler(service, stage, codec_of(given), sealer, metrics=metrics, logger=logger, clock=clock)
    access = KafkaAccess(given["bootstrap"], given["principal"], Path(given["password"]), Path(given["authority"]))
    stream = StreamRuntime(
        StreamConfig(service, given["replica"], (given["input"],), concurrency=2, ahead=given["ahead"]), access,
        settler, metrics=metrics, logger=logger, clock=clock,
    )  # fmt: skip
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    stream.start()
    while not stopping.wait(0.05) and not stream.ended.is_set():
        continue
    clean = stream.stop(STOP_SECONDS_MAX)
    return 0 if clean and stream.fatal is None else 1


def follow(given: dict[str, Any]) -> int:
    """Print the key of every record that Faust hands over."""
    settings = ServiceSettings(
        kafka_bootstrap=given["bootstrap"], kafka_password_file=Path(given["password"]),
        ca_file=Path(given["authority"]), registry_url=given["registry"], schemas_dir=Path(given["schemas"]),
        topology_file=Path(given["schemas"]), health_port=1,
    )  # fmt: skip
    metrics = Metrics("follower")
    logger = configure_logging("follower", replica=0, level="INFO", metrics=metrics)

    async def show(records: Sequence[Record]) -> Sequence[Outgoing]:
        for record in records:
            print((record.key or b"").decode(), flush=True)
        return ()

    async def run() -> int:
        stream = FaustStream(
            given["principal"], settings, given["input"], show, data_dir=Path(given["closed"]).parent / "faust",
            metrics=metrics, logger=logger,
        )  # fmt: skip
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        await stream.start()
        await stopping.wait()
        await stream.stop()
        return 0

    return asyncio.run(run())


if __name__ == "__main__":
    programs = {"move": move, "follow": follow}
    sys.exit(programs[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text())))
