"""Chat completions for clients of OpenAI's API: the last message is the question, answered as `/v1/answers` does."""

import json
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from staithe.kernel.clock import Clock
from staithe.kernel.http import require_scope
from staithe.kernel.problems import Handler, Problem
from staithe.query.http.accept import JSON, PROBLEM, require_accepts
from staithe.query.http.bodies import InvalidBody, fault, read_body
from staithe.query.http.chat_models import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatMessage,
    ChatRequest,
    ChunkChoice,
    CompletionChoice,
    CompletionMessage,
    Delta,
    ModelEntry,
    ModelList,
    OtherPart,
    Usage,
)  # fmt: skip
from staithe.query.http.models import AnswerResponse
from staithe.query.http.recorded import RecordedQueries, as_json, traceparent_of
from staithe.query.http.streams import EventStream
from staithe.query.limits import CHAT_BYTES_MAX
from staithe.query.policy import SCOPE_SEARCH
from staithe.query.ports import TextEncoder
from staithe.query.question import as_question

INTERFACE: Final = "chat"
EXTRACTIVE: Final = "staithe-extractive"
"""The model that answers in quotations."""
GENERATIVE: Final = "staithe-generative"
"""The model that answers in a language model's words, where one is set up."""
MODELS: Final = tuple(ModelEntry(id=name, created=1_795_651_200) for name in (EXTRACTIVE, GENERATIVE))
"""`created` is the day on which models were first served under these names."""
CHAT_PATHS: Final = ("/v1/chat/", "/v1/models")
DONE: Final = b"[DONE]"


class ChatHandlers:
    """One method per operation, named as in the table of operations."""

    def __init__(self, *, queries: RecordedQueries, encoder: TextEncoder, clock: Clock) -> None:
        self._queries, self._encoder, self._clock = queries, encoder, clock

    async def list_models(self, request: web.Request) -> web.Response:
        require_scope(request, SCOPE_SEARCH)
        require_accepts(request, JSON)
        return web.Response(body=as_json(ModelList(data=self._models())), content_type=JSON)

    async def get_model(self, request: web.Request) -> web.Response:
        require_scope(request, SCOPE_SEARCH)
        require_accepts(request, JSON)
        return web.Response(body=as_json(self._model(request.match_info["model"])), content_type=JSON)

    async def complete_chat(self, request: web.Request) -> web.StreamResponse:
        caller = require_scope(request, SCOPE_SEARCH)
        asked = await read_body(request, ChatRequest, bytes_max=CHAT_BYTES_MAX)
        if not asked.stream:
            # Clients that stream say in the body that they do, and ask for JSON all the same.
            require_accepts(request, JSON)
        model = self._model(asked.model)
        question = _question(asked.messages)
        told = await self._queries.answer(
            caller, question, mode="generative" if model.id == GENERATIVE else "extractive", interface=INTERFACE,
            traceparent=traceparent_of(request),
        )  # fmt: skip
        usage = self._usage(question, told.shown.text)
        common: dict[str, Any] = {
            "id": f"chatcmpl-{told.shown.answer_id}", "created": self._clock.now_ms() // 1000, "model": model.id,
        }  # fmt: skip
        if asked.stream:
            wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
            return await _stream(request, common, told.shown, usage if wants_usage else None)
        choice = CompletionChoice(message=CompletionMessage(content=told.shown.text))
        body = ChatCompletion(**common, choices=[choice], usage=usage, staithe=told.shown)
        return web.Response(body=as_json(body), content_type=JSON)

    def _models(self) -> list[ModelEntry]:
        return [each for each in MODELS if each.id == EXTRACTIVE or self._queries.has_writer]

    def _model(self, name: str) -> ModelEntry:
        for model in self._models():
            if model.id == name:
                return model
        raise Problem(404, "model-not-found", "There is no such model; `GET /v1/models` lists those there are.")

    def _usage(self, question: str, text: str) -> Usage:
        asked, told = self._encoder.count_tokens(question), self._encoder.count_tokens(text)
        return Usage(prompt_tokens=asked, completion_tokens=told, total_tokens=asked + told)


async def _stream(
    request: web.Request, common: dict[str, Any], shown: AnswerResponse, usage: Usage | None
) -> web.StreamResponse:
    """A chunk for the role, one for each sentence, one that ends the choice, one with the usage if wanted."""
    stream = EventStream(request)

    async def send(delta: Delta, **more: Any) -> None:
        choice = ChunkChoice(delta=delta, finish_reason=more.pop("finish_reason", None))
        await stream.send(_chunk(ChatCompletionChunk(**common, choices=[choice], **more)))

    await send(Delta(role="assistant", content=""))
    for index, text in enumerate([each.text for each in shown.sentences] or [shown.text]):
        await send(Delta(content=f" {text}" if index else text))
    await send(Delta(), finish_reason="stop", staithe=shown)
    if usage is not None:
        await stream.send(_chunk(ChatCompletionChunk(**common, choices=[], usage=usage)))
    await stream.send(DONE)
    return await stream.end()


def _chunk(chunk: ChatCompletionChunk) -> bytes:
    """Without what a chunk does not have: clients take an absent member and an empty one for different things."""
    return chunk.model_dump_json(exclude_none=True).encode()


def _question(messages: list[ChatMessage]) -> str:
    """The last message's text; raises InvalidBody when that is no question of a user."""
    last = messages[-1]
    place = ("messages", len(messages) - 1)
    if last.role != "user":
        raise InvalidBody([fault((*place, "role"), "the last message must be the user's")])
    parts = last.content if isinstance(last.content, list) else []
    if any(isinstance(part, OtherPart) for part in parts):
        raise InvalidBody([fault((*place, "content"), "a question is text: no images, sound or files")])
    text = last.content if isinstance(last.content, str) else "\n".join(part.text for part in parts)  # type: ignore[union-attr]
    try:
        return as_question(text)
    except ValueError as error:
        raise InvalidBody([fault((*place, "content"), str(error))]) from None


@web.middleware
async def problems_as_clients_read_them(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: adds the member `error`, in which OpenAI's clients look for words, to problems of the chat paths."""
    response = await handler(request)
    if request.path.startswith(CHAT_PATHS) and isinstance(response, web.Response) and response.content_type == PROBLEM:
        problem = json.loads(response.text or "{}")
        slug = str(problem["type"]).rpartition(":")[2]
        kind = "invalid_request_error" if response.status < 500 else "server_error"
        error = {"message": problem["detail"], "type": kind, "param": None, "code": slug.replace("-", "_")}
        response.body = json.dumps({**problem, "error": error}).encode()
    return response


CHAT_ERRORS: Final[Middleware] = problems_as_clients_read_them
