"""Chat completions: OpenAI's and LangChain's clients work as they are, and what cannot be done is refused."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI

from staithe.kernel.errors import Unavailable

TEXT = "Everyone has 27 days of paid leave a year."
QUESTION = "how many days of paid leave"
CHAT = "/v1/chat/completions"
MODEL = "staithe-extractive"
Bearer = Callable[[str], dict[str, str]]


@pytest.fixture
async def official(client: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=str(client.make_url("/v1")), api_key="alice", max_retries=0) as made:
        yield made


def said(text: str = QUESTION) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def body(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": said(), **changes}


async def test_openai_client_gets_answer_citations_and_usage(world: Any, official: openai.AsyncOpenAI) -> None:
    world.add(TEXT)
    completion = await official.chat.completions.create(model=MODEL, messages=said(), temperature=0.2, max_tokens=9)
    [choice] = completion.choices
    assert (choice.message.content, choice.finish_reason) == (TEXT, "stop")
    answer = completion.staithe  # type: ignore[attr-defined]
    assert answer["citations"][0]["quote"] == TEXT
    assert completion.id == f"chatcmpl-{answer['answer_id']}"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (6, 9)
    assert completion.usage.total_tokens == 15


async def test_openai_client_streams_the_same_answer(world: Any, official: openai.AsyncOpenAI) -> None:
    world.add(TEXT)
    stream = await official.chat.completions.create(
        model=MODEL, messages=said(), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(deltas) == TEXT
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-2].staithe["citations"][0]["document_id"] == "leave"  # type: ignore[attr-defined]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 15


async def test_openai_client_lists_models(official: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in official.models.list()] == [MODEL]
    assert (await official.models.retrieve(MODEL)).owned_by == "staithe"
    with pytest.raises(openai.NotFoundError, match="no such model"):
        await official.models.retrieve("gpt-4o")


async def test_langchain_answers_and_streams(world: Any, client: Any) -> None:
    world.add(TEXT)
    model = ChatOpenAI(model=MODEL, base_url=str(client.make_url("/v1")), api_key="alice", max_retries=0)  # type: ignore[arg-type]
    answered = await model.ainvoke(QUESTION)
    assert answered.text == TEXT
    assert [piece.text async for piece in model.astream(QUESTION) if piece.text] == [TEXT]


@pytest.mark.parametrize("stream", [False, True])
async def test_audit_event_is_durable_before_the_first_byte(
    world: Any, client: Any, bearer: Bearer, stream: bool
) -> None:
    world.add(TEXT)
    world.publisher.failures["audit.events.v1"] = Unavailable("no broker")
    response = await client.post(CHAT, json=body(stream=stream), headers=bearer("alice"))
    assert response.status == 503
    assert "27" not in (await response.text()).replace(response.headers["X-Request-Id"], "")


async def test_log_has_the_digest_of_the_answer_and_the_interface(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    told = await (await client.post(CHAT, json=body(), headers=bearer("alice"))).json()
    [event] = world.publisher.audited()
    whole = json.dumps(told["staithe"], separators=(",", ":"), ensure_ascii=False).encode()
    assert event.output_sha256 == hashlib.sha256(whole).digest()
    assert (event.event_id, event.attributes["interface"]) == (told["staithe"]["answer_id"], "chat")


async def test_question_nobody_may_be_told_about_is_not_answered(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT, tier=3)
    world.add(TEXT, document="foreign", tenant="millrace")
    told = await (await client.post(CHAT, json=body(), headers=bearer("alice"))).json()
    assert "27" not in told["choices"][0]["message"]["content"]
    assert told["staithe"]["answered"] is False


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"n": 2}, "#/n"),
        ({"tools": [{"type": "function"}]}, "#/tools"),
        ({"tool_choice": "required"}, "#/tool_choice"),
        ({"response_format": {"type": "json_object"}}, "#/response_format/type"),
        ({"logprobs": True}, "#/logprobs"),
        ({"modalities": ["audio"]}, "#/modalities/0"),
        ({"temperature": "hot"}, "#/temperature"),
        ({"tenant_id": "millrace"}, "#/tenant_id"),
        ({"messages": []}, "#/messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 1025}, "#/messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "#/messages/0/role"),
        ({"messages": said("")}, "#/messages/1/content"),
        ({"messages": said("a\u202eb")}, "#/messages/1/content"),
        ({"messages": [{"role": "user"}]}, "#/messages/0/content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "#/messages/0/content"),
        ({"stream_options": {"other": True}}, "#/stream_options/other"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    world: Any, client: Any, bearer: Bearer, changes: dict[str, Any], pointer: str
) -> None:
    response = await client.post(CHAT, json=body(**changes), headers=bearer("alice"))
    problem = await response.json(content_type="application/problem+json")
    assert response.status == 422
    assert problem["errors"][0]["pointer"] == pointer
    assert problem["error"]["code"] == "invalid_body"
    assert world.index.limits == []


async def test_text_parts_are_one_question(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    parts = [{"type": "text", "text": "how many days"}, {"type": "text", "text": "of paid leave"}]
    earlier = [{"role": "user", "content": [{"type": "image_url"}]}, {"role": "assistant", "tool_calls": []}]
    messages = [*earlier, {"role": "user", "content": parts}]
    told = await (await client.post(CHAT, json=body(messages=messages), headers=bearer("alice"))).json()
    assert told["choices"][0]["message"]["content"] == TEXT


async def test_refusals_have_words_for_both_kinds_of_client(client: Any, bearer: Bearer) -> None:
    for headers, status in (({}, 401), (bearer("reader"), 403)):
        response = await client.post(CHAT, json=body(), headers=headers)
        problem = await response.json(content_type="application/problem+json")
        assert response.status == problem["status"] == status
        assert problem["error"]["message"] == problem["detail"]
    response = await client.post(CHAT, json=body(model="gpt-4o"), headers=bearer("alice"))
    assert (await response.json(content_type=None))["error"]["code"] == "model_not_found"
    plain = await client.post("/v1/answers", json={}, headers=bearer("alice"))
    assert "error" not in await plain.json(content_type=None)


async def test_conversation_over_the_bound_is_refused(client: Any, bearer: Bearer) -> None:
    response = await client.post(CHAT, json=body(messages=said("x" * 300_000)), headers=bearer("alice"))
    assert response.status == 413
