"""Syslog against a real server on this machine: messages, their framing, and what counts as received."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from staithe.audit.sinks.choose import Identity
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.errors import StaitheError, Unavailable
from staithe.kernel.tls import server_context

Send = Callable[[str, Identity, list[Forwarded]], Awaitable[None]]


class Receiver:
    """A syslog server over TLS that takes the messages apart by their octet counts."""

    def __init__(self, *, cuts: int = 0) -> None:
        self.messages: list[str] = []
        self.cuts = cuts

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cuts:
            self.cuts -= 1
            writer.transport.abort()
            return
        rest = (await reader.read()).decode()
        while rest:
            digits, _, rest = rest.partition(" ")
            octets = rest.encode()
            self.messages.append(octets[: int(digits)].decode())
            rest = octets[int(digits) :].decode()
        writer.close()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def listen(siem_pki: Path) -> AsyncIterator[Callable[[Receiver], Awaitable[str]]]:
    servers: list[asyncio.Server] = []

    async def start(receiver: Receiver) -> str:
        context = server_context(siem_pki / "siem.pem", siem_pki / "siem.key", siem_pki / "ca.pem")
        servers.append(await asyncio.start_server(receiver, "127.0.0.1", 0, ssl=context))
        return f"syslog+tls://127.0.0.1:{port_of(servers[-1])}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


Listen = Callable[[Receiver], Awaitable[str]]
RFC5424 = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S{1,255}) (\S{1,48}) - (\S{1,32})"
    r' \[meta sequenceId="(\d+)"\] \ufeff(.+)'
)


async def test_syslog_gets_rfc_5424_messages_by_octet_count(
    listen: Listen, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    receiver = Receiver()
    address = await listen(receiver)
    await sent(address, identity, batch)
    await sent(address, identity, batch[:1])
    parsed = [RFC5424.fullmatch(message) for message in receiver.messages]
    assert [each and each[6] for each in parsed] == ["1", "2", "3", "4", "5", "1"]
    first = parsed[0]
    assert first is not None
    assert first.groups()[:5] == (
        "110",
        "2023-11-14T22:13:20.000Z",
        "audit.example",
        "staithe-audit",
        "document.sanitized",
    )
    assert json.loads(first[7]) == batch[0].ocsf


async def test_a_syslog_connection_that_is_cut_is_no_acknowledgement(
    listen: Listen, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    receiver = Receiver(cuts=2)
    address = await listen(receiver)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await sent(address, identity, batch)
    await sent(address, identity, batch)
    assert len(receiver.messages) == 5


async def test_tls_below_1_3_is_refused(siem_pki: Path, identity: Identity, batch: list[Forwarded], sent: Send) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(siem_pki / "siem.pem", siem_pki / "siem.key")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with await asyncio.start_server(Receiver(), "127.0.0.1", 0, ssl=context) as server:
        with pytest.raises(StaitheError):
            await sent(f"syslog+tls://127.0.0.1:{port_of(server)}", identity, batch)
