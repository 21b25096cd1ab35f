"""Official clients over TLS against the real service: the answers of every interface are the same and in the log."""

import ssl
from typing import Any, cast

import httpx
import httpx2
import openai
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support.checker import Checker, versions_of, within
from support.live import LiveStack

import staithe.client
from staithe.cli.local import Who

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

QUESTION = "How much paid holiday does a full-time employee get per year?"
MODEL = "staithe-extractive"


@pytest.fixture(scope="module")
def answer(live: LiveStack) -> dict[str, Any]:
    """What `/v1/answers` says once the samples are published."""
    versions_of(live.cli_json("publish", "samples"))
    with live.client("query", Who("harbour")) as client:
        told: dict[str, Any] = client.post("/v1/answers", json={"question": QUESTION}).raise_for_status().json()
    assert told["answered"]
    return told


def test_openai_client_gets_the_same_answer(live: LiveStack, answer: dict[str, Any]) -> None:
    local = live.local()
    context = ssl.create_default_context(cafile=str(live.paths.services_authority))
    with (
        httpx.Client(verify=context, trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{local.url('query')}/v1", api_key=local.token(Who("harbour")), http_client=http, max_retries=0
        ) as client,
    ):
        told = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert told.choices[0].message.content == streamed == answer["text"]
    assert told.staithe["citations"] == answer["citations"]  # type: ignore[attr-defined]
    assert told.usage is not None
    assert told.usage.completion_tokens > told.usage.prompt_tokens > 0


def test_stream_ends_with_the_whole_answer(live: LiveStack, answer: dict[str, Any]) -> None:
    with live.client("query", Who("harbour")) as client:
        response = client.post("/v1/answers", json={"question": QUESTION}, headers={"Accept": "text/event-stream"})
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert names == ["status", "status", *["sentence"] * len(answer["sentences"]), "done"]
    assert answer["citations"][0]["quote_sha256"] in response.text


async def test_mcp_client_gets_the_same_answer(live: LiveStack, answer: dict[str, Any]) -> None:
    local = live.local()
    context = ssl.create_default_context(cafile=str(live.paths.services_authority))
    headers = {"Authorization": f"Bearer {local.token(Who('harbour'))}"}
    async with httpx2.AsyncClient(verify=context, headers=headers, trust_env=False) as http:
        transport = streamable_http_client(f"{local.url('query')}/mcp", http_client=http)
        async with Client(cast("Any", transport)) as session:
            told = await session.call_tool("answer", {"question": QUESTION})
            [cited, *_] = told.structured_content["citations"]
            part = await session.call_tool(
                "fetch", {"document_id": cited["document_id"], "start": cited["span"]["start"],
                          "characters": len(cited["quote"])}
            )  # fmt: skip
    assert told.structured_content["citations"] == answer["citations"]
    assert part.structured_content["text"] == cited["quote"]


@pytest.mark.usefixtures("answer")
def test_log_has_the_answers_of_every_interface(checker: Checker) -> None:
    def interfaces() -> set[str]:
        entries = [each for each in checker.entries() if each.action in {"query.answered", "document.read"}]
        return {each.attributes["interface"] for each in entries}

    assert within(30.0, lambda: interfaces() == {"api", "chat", "mcp"})


def evidence_of(client: staithe.client.Client, answer_id: str) -> bytes | None:
    try:
        return client.evidence(answer_id)
    except staithe.client.Conflict:
        return None


def test_own_client_gets_the_same_answer_and_publishes_and_erases(live: LiveStack, answer: dict[str, Any]) -> None:
    local, authority, name = live.local(), live.paths.services_authority, "harbour-own-client"
    options: dict[str, Any] = {"uploads_url": local.url("ingestion"), "ca_file": authority}
    with staithe.client.Client(local.url("query"), lambda: local.token(Who("harbour")), **options) as client:
        told = client.ask(QUESTION)
        *sentences, streamed = client.ask_stream(QUESTION)
        assert isinstance(streamed, staithe.client.Answer)
        assert told.text == streamed.text == answer["text"]
        assert len(sentences) == len(told.sentences)
        cited = told.citations[0]
        assert cited.span.of(client.content(cited.document_id).text) == cited.quote
        assert client.search(QUESTION)[0].document_id
        text = b"# Kiln\n\nThe own kiln is fired on Fridays."
        client.publish(name, text, content_type="text/markdown", tier=1, classification="INTERNAL")
        assert within(60, lambda: client.state(name).state == "INDEXED")
        assert client.document(name).tier == 1
        assert client.erase(name).status == "accepted"
        assert within(60, lambda: client.erasure(name).status == "erased")
        with pytest.raises(staithe.client.NotFound):
            client.document(name)
        assert within(30, lambda: evidence_of(client, told.answer_id) is not None)


def test_own_client_is_refused_by_name(live: LiveStack) -> None:
    url, authority = live.local().url("query"), live.paths.services_authority
    with (
        staithe.client.Client(url, "a.b.c", ca_file=authority) as stranger,
        pytest.raises(staithe.client.Unauthorized),
    ):
        stranger.ask(QUESTION)


async def test_own_asynchronous_client_gets_the_same_answer(live: LiveStack, answer: dict[str, Any]) -> None:
    local = live.local()
    async with staithe.client.AsyncClient(
        local.url("query"), local.token(Who("harbour")), ca_file=live.paths.services_authority
    ) as client:
        assert (await client.ask(QUESTION)).text == answer["text"]
        told = [each async for each in client.ask_stream(QUESTION)]
    assert told[-1].text == answer["text"]
