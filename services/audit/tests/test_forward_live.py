"""The whole way over the network: a collector goes away and comes back, and has every event in order."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from staithe.audit.files import LogFiles
from staithe.audit.forward import Forwarder
from staithe.audit.forward_state import StateFolder
from staithe.audit.notes import VerifierKey
from staithe.audit.sinks.hec import Hec
from staithe.kernel.clock import SystemClock
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Unavailable
from staithe.kernel.tls import client_context, server_context

ORIGIN = "audit.example/test"


class Collector:
    """A collector that can be taken away; answers the first `failing` requests with 503."""

    def __init__(self, pki: Path) -> None:
        self._pki, self.leaves, self.failing, self.port = pki, [0][:0], 0, 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application(client_max_size=1 << 24)
        application.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        context = server_context(self._pki / "siem.pem", self._pki / "siem.key")
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=context, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.failing:
            self.failing -= 1
            return web.Response(status=503)
        if request.path.endswith("ack"):
            return web.json_response({"acks": {"1": True}})
        self.leaves += [int(json.loads(line)["fields"]["leaf_index"]) for line in body.decode().splitlines()]
        return web.json_response({"ackId": 1})


async def test_a_collector_that_was_down_gets_every_event_in_order(
    siem_pki: Path, build_log: Callable[[Sequence[int]], Path], signer: Signer, tmp_path: Path
) -> None:
    collector, key = Collector(siem_pki), VerifierKey(ORIGIN, signer.public_key)
    await collector.start()
    await collector.stop()
    address, context = f"https://127.0.0.1:{collector.port}", client_context(siem_pki / "ca.pem")
    hec = Hec(address, context, "token", lambda _: False, poll_seconds=0)
    forwarder = Forwarder(
        LogFiles(build_log([100, 600, 1000])), key, StateFolder(tmp_path / "state", key), hec, SystemClock(),
        pause_seconds=0.01, tries=4,
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(Unavailable):
            await asyncio.to_thread(forwarder.catch_up)
    assert (forwarder.waiting, forwarder.next_leaf, forwarder.log_size) == (True, 0, 1000)
    collector.failing = 3
    await collector.start()
    assert await asyncio.to_thread(forwarder.catch_up) == 1000
    assert collector.leaves == list(range(1000))
    assert not forwarder.waiting
    hec.close()
    await collector.stop()
