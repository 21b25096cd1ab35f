"""Answers as events: nothing before the audit log has it, everything in order, failures told within the stream."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from staithe.kernel.errors import AccessDenied, Unavailable

FIRST = "Everyone has 27 days of paid leave a year."
SECOND = "After ten years of service paid leave grows by two days a year."
ANSWERS = "/v1/answers"
Bearer = Callable[[str], dict[str, str]]


async def streamed(client: Any, headers: dict[str, str], question: str = "how many days of paid leave a year") -> Any:
    return await client.post(ANSWERS, json={"question": question}, headers=headers | {"Accept": "text/event-stream"})


def events(body: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_sentences_come_in_order_and_done_is_the_whole_answer(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(f"{FIRST} {SECOND}")
    response = await streamed(client, bearer("alice"))
    body = await response.read()
    named = events(body)
    assert response.content_type == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Server"] == "staithe"
    assert [name for name, _ in named] == ["status", "status", "sentence", "sentence", "done"]
    done = named[-1][1]
    assert [each["text"] for name, each in named if name == "sentence"] == [each["text"] for each in done["sentences"]]
    assert named[2][1]["citations"][0]["quote"] == FIRST
    [event] = world.publisher.audited()
    assert event.event_id == done["answer_id"]
    assert event.output_sha256 == hashlib.sha256(body.split(b"event: done\ndata: ")[1].rstrip()).digest()


async def test_nothing_of_the_answer_is_sent_before_it_is_recorded(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(FIRST)
    world.publisher.failures["audit.events.v1"] = Unavailable("no broker")
    named = events(await (await streamed(client, bearer("alice"))).read())
    assert [name for name, _ in named] == ["status", "error"]
    assert named[-1][1]["status"] == 503
    assert "27" not in json.dumps(named[-1][1]).replace(named[-1][1]["instance"], "")


async def test_unsupported_question_streams_an_honest_end(world: Any, client: Any, bearer: Bearer) -> None:
    world.add("Completely different matters are written here.")
    named = events(await (await streamed(client, bearer("alice"), "zebra crossing colour")).read())
    assert [name for name, _ in named] == ["status", "status", "done"]
    assert named[-1][1]["answered"] is False


@pytest.mark.parametrize("failure", [Unavailable("down"), AccessDenied("refused")])
async def test_failure_behind_ends_the_stream_with_a_problem(
    world: Any, client: Any, bearer: Bearer, failure: Exception
) -> None:
    world.encoder.failure = failure
    named = events(await (await streamed(client, bearer("alice"))).read())
    assert named[-1][0] == "error"
    assert named[-1][1]["type"].startswith("urn:staithe:problem:")


async def test_crash_within_a_stream_cuts_it_off(world: Any, client: Any, bearer: Bearer) -> None:
    world.encoder.failure = RuntimeError("secret words")
    response = await streamed(client, bearer("alice"))
    with pytest.raises(ClientPayloadError):
        await response.read()


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer reader"}, 403)])
async def test_refusal_is_told_by_status_not_in_a_stream(client: Any, headers: dict[str, str], status: int) -> None:
    assert (await streamed(client, headers)).status == status


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, application/json;q=0.5", "text/event-stream"),
        ("text/event-stream, application/json", "application/json"),
        ("text/event-stream;q=0.4, */*;q=0.7", "application/json"),
        ("*/*", "application/json"),
    ],
)
async def test_accept_decides_by_weight(client: Any, bearer: Bearer, accept: str, content_type: str) -> None:
    headers = bearer("alice") | {"Accept": accept}
    response = await client.post(ANSWERS, json={"question": "x"}, headers=headers)
    assert response.content_type == content_type
