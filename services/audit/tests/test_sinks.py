"""Each sink against a real server on this machine over TLS: what counts as acknowledged, and what never does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from staithe.audit.sinks.choose import Identity, open_sink
from staithe.audit.sinks.hec import Hec
from staithe.audit.sinks.post import Poster
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.errors import AccessDenied, ConfigurationError, StaitheError, Unavailable
from staithe.kernel.tls import client_context, server_context
from staithe.stack.ports import find_free

Answer = Callable[[web.Request, bytes], web.Response]
Send = Callable[[str, Identity, list[Forwarded]], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[str]]
TOKEN = "b5a7c0de-0000-4000-8000-000000000000"


@pytest.fixture
async def serve(siem_pki: Path) -> AsyncIterator[Serve]:
    """Starts an HTTPS server that answers every POST as told; returns its host and port."""
    runners: list[web.AppRunner] = []

    async def start(answer: Answer) -> str:
        async def handle(request: web.Request) -> web.Response:
            return answer(request, await request.read())

        application = web.Application(client_max_size=1 << 24)
        application.router.add_post("/{path:.*}", handle)
        runners.append(web.AppRunner(application, access_log=None))
        await runners[-1].setup()
        context = server_context(siem_pki / "siem.pem", siem_pki / "siem.key", siem_pki / "ca.pem")
        await web.TCPSite(runners[-1], "127.0.0.1", 0, ssl_context=context).start()
        return f"127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def raw(body: str, status: int = 200) -> Answer:
    return lambda _, __: web.Response(text=body, status=status)


async def test_https_gets_a_line_for_each_event_with_the_token(
    serve: Serve, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    seen: list[tuple[str, str, bytes]] = []

    def answer(request: web.Request, body: bytes) -> web.Response:
        seen.append((request.path_qs, request.headers["Authorization"], body))
        return web.Response(status=204)

    await sent(f"https://{await serve(answer)}/in/box?a=b", identity, batch)
    [(path, authorization, body)] = seen
    assert (path, authorization) == ("/in/box?a=b", f"Bearer {TOKEN}")
    assert [json.loads(line) for line in body.decode().splitlines()] == [event.ocsf for event in batch]


async def test_otlp_gets_log_records_as_the_protocol_spells_them(
    serve: Serve, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    seen: list[tuple[str, Any]] = []

    def answer(request: web.Request, body: bytes) -> web.Response:
        seen.append((request.path, json.loads(body)))
        return web.json_response({"partialSuccess": {}})

    await sent(f"otlp+https://{await serve(answer)}", identity, batch)
    [(path, request)] = seen
    records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert path == "/v1/logs"
    assert [json.loads(each["body"]["stringValue"]) for each in records] == [event.ocsf for event in batch]
    assert [each["timeUnixNano"] for each in records] == [f"{event.ocsf['time']}000000" for event in batch]
    assert records[3]["attributes"][-1] == {"key": "log.leaf_index", "value": {"intValue": "3"}}
    assert (records[0]["traceId"], records[0]["severityNumber"]) == ("a" * 32, 9)


async def test_an_answer_that_takes_too_long_is_none(serve: Serve, siem_pki: Path) -> None:
    context = client_context(siem_pki / "ca.pem", siem_pki / "forwarder.pem", siem_pki / "forwarder.key")
    poster = Poster(f"https://{await serve(raw('{}'))}", context, {}, answer_seconds=0)
    with pytest.raises(Unavailable) as caught:
        await asyncio.to_thread(poster.post, "/", b"x", "text/plain")
    poster.close()
    assert caught.value.reason_code == "SINK_ANSWER_ODD"


class Collector:
    """A Splunk collector whose indexers need so many questions before they acknowledge."""

    def __init__(self, questions: int) -> None:
        self.questions, self.asked, self.bodies = questions, 0, [""]
        self.headers: list[tuple[str, str]] = []

    def __call__(self, request: web.Request, body: bytes) -> web.Response:
        self.headers.append((request.headers["Authorization"], request.headers["X-Splunk-Request-Channel"]))
        if request.path == "/services/collector/event":
            self.bodies.append(body.decode())
            return web.json_response({"text": "Success", "code": 0, "ackId": 7})
        assert (request.path, json.loads(body)) == ("/services/collector/ack", {"acks": [7]})
        self.asked += 1
        return web.json_response({"acks": {"7": self.asked > self.questions}})


async def hec_sent(address: str, siem_pki: Path, batch: list[Forwarded]) -> None:
    context = client_context(siem_pki / "ca.pem", siem_pki / "forwarder.pem", siem_pki / "forwarder.key")
    sink = Hec(f"https://{address}", context, TOKEN, lambda _: False, poll_seconds=0)
    try:
        await asyncio.to_thread(sink.send, batch)
    finally:
        sink.close()


async def test_hec_counts_a_batch_only_when_the_indexers_acknowledged(
    serve: Serve, siem_pki: Path, batch: list[Forwarded]
) -> None:
    collector = Collector(questions=3)
    await hec_sent(await serve(collector), siem_pki, batch)
    assert collector.asked == 4
    [(authorization, channel)] = set(collector.headers)
    assert authorization == f"Splunk {TOKEN}"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", channel)
    wrapped = [json.loads(line) for line in collector.bodies[-1].splitlines()]
    assert [each["event"] for each in wrapped] == [event.ocsf for event in batch]
    assert [each["fields"]["leaf_index"] for each in wrapped] == ["0", "1", "2", "3", "4"]
    assert wrapped[2]["time"] == pytest.approx(1_700_000_000.002)


async def test_hec_that_never_acknowledges_has_nothing(serve: Serve, siem_pki: Path, batch: list[Forwarded]) -> None:
    with pytest.raises(Unavailable) as caught:
        await hec_sent(await serve(Collector(questions=1000)), siem_pki, batch)
    assert caught.value.reason_code == "SINK_UNACKNOWLEDGED"


async def test_hec_stops_asking_when_the_process_is_to_stop(
    serve: Serve, identity: Identity, batch: list[Forwarded]
) -> None:
    sink = open_sink(f"hec+https://{await serve(Collector(questions=9))}", identity, lambda _: True)
    with pytest.raises(Unavailable) as caught:
        await asyncio.to_thread(sink.send, batch)
    sink.close()
    assert caught.value.reason_code == "STOPPING"


HOSTILE = ["", "no json", "[]", "null", "[" * 100_000, '{"acks":[]}', '{"acks":{"7":"true"}}', '{"acks":{"8":true}}']


@pytest.mark.parametrize("body", HOSTILE)
async def test_hec_takes_no_odd_answer_for_an_acknowledgement(
    body: str, serve: Serve, siem_pki: Path, batch: list[Forwarded]
) -> None:
    def answer(request: web.Request, _: bytes) -> web.Response:
        return web.Response(text='{"ackId":7}' if request.path.endswith("event") else body)

    with pytest.raises(Unavailable):
        await hec_sent(await serve(answer), siem_pki, batch)


@pytest.mark.parametrize("body", ['{"text":"Success","code":0}', '{"ackId":true}', '{"ackId":"7"}'])
async def test_hec_without_acknowledgement_is_refused(
    body: str, serve: Serve, siem_pki: Path, batch: list[Forwarded]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await hec_sent(await serve(raw(body)), siem_pki, batch)
    assert caught.value.reason_code == "SINK_WITHOUT_ACKNOWLEDGEMENT"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", Unavailable), ("[]", Unavailable), ("[" * 100_000, Unavailable), ('{"partialSuccess":[1]}', Unavailable),
        ('{"partialSuccess":{"rejectedLogRecords":"x"}}', Unavailable), ("x" * 70_000, Unavailable),
        ('{"partialSuccess":{"rejectedLogRecords":"2"}}', ConfigurationError),
    ],
)  # fmt: skip
async def test_otlp_that_rejects_or_answers_oddly_has_not_acknowledged(  # noqa: PLR0917
    body: str, error: type[StaitheError], serve: Serve, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    with pytest.raises(error):
        await sent(f"otlp+https://{await serve(raw(body))}", identity, batch)


@pytest.mark.parametrize("scheme", ["https", "otlp+https", "hec+https"])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, Unavailable), (503, Unavailable), (408, Unavailable), (429, Unavailable), (401, AccessDenied),
        (403, AccessDenied), (400, ConfigurationError), (404, ConfigurationError), (413, ConfigurationError),
        (302, ConfigurationError),
    ],
)  # fmt: skip
async def test_a_status_says_whether_to_try_again(  # noqa: PLR0917
    scheme: str,
    status: int,
    error: type[StaitheError],
    serve: Serve,
    identity: Identity,
    batch: list[Forwarded],
    sent: Send,
) -> None:
    with pytest.raises(error) as caught:
        await sent(f"{scheme}://{await serve(raw('{}', status))}", identity, batch)
    assert str(status) in caught.value.message
    assert TOKEN not in caught.value.message


@pytest.mark.parametrize("scheme", ["https", "otlp+https", "hec+https", "syslog+tls"])
async def test_a_server_of_another_authority_gets_nothing(  # noqa: PLR0917
    scheme: str, serve: Serve, siem_pki: Path, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    seen: list[bytes] = []

    def answer(_: web.Request, body: bytes) -> web.Response:
        seen.append(body)
        return web.Response()

    stranger = Identity(siem_pki / "other" / "ca.pem", token=identity.token)
    with pytest.raises(AccessDenied) as caught:
        await sent(f"{scheme}://{await serve(answer)}", stranger, batch)
    assert caught.value.reason_code == "SINK_CERTIFICATE"
    assert seen == []


@pytest.mark.parametrize("scheme", ["https", "otlp+https", "hec+https", "syslog+tls"])
async def test_without_the_certificate_that_a_server_asks_for_nothing_is_acknowledged(  # noqa: PLR0917
    scheme: str, serve: Serve, siem_pki: Path, identity: Identity, batch: list[Forwarded], sent: Send
) -> None:
    """TLS 1.3 tells a client after its first write: whether it sees the alert or only the end is chance."""
    with pytest.raises((AccessDenied, Unavailable)):
        await sent(f"{scheme}://{await serve(raw(''))}", Identity(siem_pki / "ca.pem", token=identity.token), batch)


@pytest.mark.parametrize("scheme", ["https", "otlp+https", "hec+https", "syslog+tls"])
async def test_nobody_there_is_tried_again(scheme: str, identity: Identity, batch: list[Forwarded], sent: Send) -> None:
    with pytest.raises(Unavailable):
        await sent(f"{scheme}://127.0.0.1:{find_free(['audit']).of('audit')}", identity, batch)


@pytest.mark.parametrize(
    "address",
    [
        "", "jsonl:", "http://siem.example", "syslog://siem.example", "https://", "https://user:secret@siem.example",
        "https://siem.example:0", "https://siem.example:99999", "ftp://siem.example", "https://[",
    ],
)  # fmt: skip
def test_an_address_that_is_no_sink_is_refused_without_being_quoted(address: str, identity: Identity) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_sink(address, identity, lambda _: False)
    assert caught.value.reason_code == "SINK_ADDRESS"
    assert "secret" not in caught.value.message


def test_a_token_that_others_may_read_is_refused(identity: Identity) -> None:
    assert identity.token is not None
    identity.token.chmod(0o640)
    with pytest.raises(ConfigurationError) as caught:
        open_sink("hec+https://siem.example", identity, lambda _: False)
    assert caught.value.reason_code == "SECRET_EXPOSED"


def test_what_a_sink_needs_is_asked_for(siem_pki: Path) -> None:
    for identity in (
        Identity(),
        Identity(siem_pki / "ca.pem"),
        Identity(siem_pki / "ca.pem", certificate=siem_pki / "siem.pem"),
    ):
        with pytest.raises(ConfigurationError):
            open_sink("hec+https://siem.example", identity, lambda _: False)
