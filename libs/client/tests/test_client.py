"""Both clients against a service that is played: the same requests, the same answers, the same refusals."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from staithe.client import (
    Answer,
    AsyncClient,
    Client,
    Conflict,
    Forbidden,
    NotFound,
    Problem,
    Refused,
    SentenceTold,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)

URL, UPLOADS = "https://query.example", "https://uploads.example"
CITATION = {
    "document_id": "leave", "document_version": 3, "title": "Leave", "name": "leave.md", "span": {"start": 3, "end": 6},
    "quote": "yes", "quote_sha256": "0" * 64, "score": 0.7, "later_member": 1,
}  # fmt: skip
ANSWER = {
    "answer_id": "a-1", "mode": "extractive", "answered": True, "text": "yes", "support": 0.7, "salt": "1" * 64,
    "sentences": [{"text": "yes", "citations": [0]}], "citations": [CITATION],
}  # fmt: skip


@dataclass
class Service:
    """Answers from a list, the last one for ever; remembers what was asked."""

    answers: list[httpx2.Response | Exception]
    asked: list[httpx2.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


def told(body: Any, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, content=json.dumps(body).encode())


def problem(status: int, slug: str = "some-slug", **headers: str) -> httpx2.Response:
    return told({"type": f"urn:staithe:problem:{slug}", "detail": "words", "status": status}, status, **headers)


def stream(*events: tuple[str, Any]) -> httpx2.Response:
    body = "".join(f"event: {name}\ndata: {json.dumps(each)}\n\n" for name, each in events)
    return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=body.encode())


Caller = Callable[..., Any]


@pytest.fixture(params=["blocking", "asynchronous"])
def call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """`call(service, name, *arguments)`: one method of a client of either kind, its pauses noted instead of waited."""

    def blocking(service: Service, name: str, *given: Any, **named: Any) -> Any:
        with Client(URL, "token", uploads_url=UPLOADS) as client, monkeypatch.context() as patch:
            patch.setattr("staithe.client.blocking.time.sleep", service.slept.append)
            client._http.close()
            client._http = httpx2.Client(transport=httpx2.MockTransport(service))
            result = getattr(client, name)(*given, **named)
            return list(result) if name == "ask_stream" else result

    def asynchronous(service: Service, name: str, *given: Any, **named: Any) -> Any:
        async def sleep(seconds: float) -> None:
            service.slept.append(seconds)

        async def run() -> Any:
            async with AsyncClient(URL, "token", uploads_url=UPLOADS) as client:
                await client._http.aclose()
                client._http = httpx2.AsyncClient(transport=httpx2.MockTransport(service))
                if name == "ask_stream":
                    return [each async for each in client.ask_stream(*given, **named)]
                return await getattr(client, name)(*given, **named)

        with monkeypatch.context() as patch:
            patch.setattr("staithe.client.asynchronous.asyncio.sleep", sleep)
            return asyncio.run(run())

    return blocking if request.param == "blocking" else asynchronous


def test_answer_has_its_citations_and_its_very_bytes(call: Caller) -> None:
    service = Service([told(ANSWER)])
    answer = call(service, "ask", "How many days?")
    assert (answer.text, answer.citations[0].document_id) == ("yes", "leave")
    assert answer.citations[0].span.of("aa yes") == "yes"
    assert json.loads(answer.body) == ANSWER
    [request] = service.asked
    assert (request.method, str(request.url)) == ("POST", f"{URL}/v1/answers")
    assert request.headers["Authorization"] == "Bearer token"
    assert json.loads(request.content) == {"question": "How many days?", "mode": "extractive"}


def test_stream_tells_sentences_and_ends_with_the_whole_answer(call: Caller) -> None:
    sentence = {"index": 0, "text": "yes", "citations": [CITATION]}
    response = stream(("status", {"state": "searching"}), ("sentence", sentence), ("done", ANSWER))
    first, last = call(Service([response]), "ask_stream", "How many days?")
    assert isinstance(first, SentenceTold)
    assert isinstance(last, Answer)
    assert json.loads(last.body) == ANSWER


LATE = {"type": "urn:staithe:problem:late", "detail": "late", "status": 503}


@pytest.mark.parametrize("events", [[("error", LATE)], []])
def test_stream_that_breaks_off_is_no_answer(call: Caller, events: list[tuple[str, Any]]) -> None:
    with pytest.raises(Unreachable):
        call(Service([stream(("status", {"state": "searching"}), *events)]), "ask_stream", "How many days?")


def test_stream_that_is_refused_tells_why(call: Caller) -> None:
    with pytest.raises(Unauthorized):
        call(Service([problem(401)]), "ask_stream", "How many days?")


def test_ids_are_one_part_of_the_path(call: Caller) -> None:
    service = Service([httpx2.Response(200, headers={"Document-Version": "7"}, content="text ü".encode())])
    text = call(service, "content", "a/../b?c")
    assert (text.document_version, text.text) == (7, "text ü")
    assert service.asked[0].url.raw_path == b"/v1/documents/a%2F..%2Fb%3Fc/content"


def test_upload_goes_to_the_other_service_with_its_labels(call: Caller) -> None:
    service = Service([told({"document_id": "d", "document_version": 5}, 202)])
    accepted = call(
        service, "publish", "d", b"content", content_type="text/plain", tier=2, classification="INTERNAL",
        groups=("hr", "board"), version=5, retention_until=datetime(2030, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    assert accepted.document_version == 5
    [request] = service.asked
    assert (request.method, request.url.host, request.content) == ("PUT", "uploads.example", b"content")
    assert dict(request.url.params) == {
        "tier": "2", "classification": "INTERNAL", "groups": "hr,board", "source": "staithe-client", "residency": "eu",
        "version": "5", "retention_until": "2030-01-02T00:00:00+00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (413, Refused)],
)
def test_refusal_is_one_exception_and_one_request(call: Caller, status: int, kind: type[Problem]) -> None:
    service = Service([problem(status, "some-slug")])
    with pytest.raises(kind) as refused:
        call(service, "document", "d")
    assert (refused.value.status, refused.value.slug, refused.value.detail) == (status, "some-slug", "words")
    assert len(service.asked) == 1


@pytest.mark.parametrize("failure", [problem(503), problem(500), httpx2.ConnectError("refused")])
def test_what_cannot_be_served_now_is_tried_again(call: Caller, failure: httpx2.Response | Exception) -> None:
    service = Service([failure, failure, told(ANSWER)])
    assert call(service, "ask", "q").answered
    assert service.slept == [0.5, 1.0]


def test_it_is_not_tried_for_ever(call: Caller) -> None:
    service = Service([httpx2.ConnectError("refused")])
    with pytest.raises(Unreachable) as failure:
        call(service, "document", "d")
    assert failure.value.status == 0
    assert len(service.asked) == 3


def test_quota_is_waited_for_as_long_as_the_service_says(call: Caller) -> None:
    service = Service([problem(429, **{"Retry-After": "2"}), told(ANSWER)])
    assert call(service, "ask", "q").answered
    assert service.slept == [2.0]


def test_long_quota_is_told_instead_of_waited_for(call: Caller) -> None:
    service = Service([problem(429, **{"Retry-After": "60"})])
    with pytest.raises(TooManyRequests) as refused:
        call(service, "ask", "q")
    assert refused.value.retry_after == 60
    assert service.slept == []


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("erase", ("d",), {}),
        ("publish", ("d", b"x"), {"content_type": "text/plain", "tier": 1, "classification": "PUBLIC"}),
    ],
)
def test_what_could_happen_twice_is_not_sent_twice(
    call: Caller, name: str, given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    service = Service([httpx2.ReadTimeout("late")])
    with pytest.raises(Unreachable):
        call(service, name, *given, **named)
    assert len(service.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"\xff"])
def test_what_is_not_staithe_is_said_to_be_not(call: Caller, body: bytes) -> None:
    with pytest.raises(Unreachable, match="not Staithe"):
        call(Service([httpx2.Response(200, content=body)]), "document", "d")


def test_problem_without_words_is_a_problem_all_the_same(call: Caller) -> None:
    with pytest.raises(Unreachable, match="502"):
        call(Service([httpx2.Response(502, content=b"<html>bad gateway")]), "document", "d")


@pytest.mark.parametrize(("url", "uploads"), [("http://query.example", None), (URL, "http://uploads.example")])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_token_is_never_sent_in_clear(kind: Callable[..., Any], url: str, uploads: str | None) -> None:
    with pytest.raises(ValueError, match="https"):
        kind(url, "token", uploads_url=uploads)


def test_publishing_without_its_address_says_what_to_give() -> None:
    with Client(URL, "token") as client, pytest.raises(ValueError, match="uploads_url"):
        client.state("d")


def test_token_may_be_made_for_each_request() -> None:
    service, tokens = Service([told(ANSWER)]), iter(["one", "two"])
    with Client(URL, lambda: next(tokens)) as client:
        client._http.close()
        client._http = httpx2.Client(transport=httpx2.MockTransport(service))
        client.ask("q")
        client.ask("q")
    assert [each.headers["Authorization"] for each in service.asked] == ["Bearer one", "Bearer two"]
