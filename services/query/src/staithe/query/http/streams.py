"""Server-sent events (WHATWG HTML, section 9.2): an answer sentence by sentence, or an error that ends the stream."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from staithe.kernel.errors import StaitheError, Unavailable
from staithe.kernel.http import REQUEST_ID
from staithe.kernel.problems import problem_from
from staithe.query import limits
from staithe.query.http.accept import EVENTS
from staithe.query.http.models import AnswerResponse, SentenceEvent, StatusEvent
from staithe.query.http.recorded import Told, as_json

_UNBUFFERED: Final = {"X-Accel-Buffering": "no"}
"""Proxies would keep the events back otherwise."""


class EventStream:
    """A response that is sent event by event."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response = web.StreamResponse(headers=_UNBUFFERED)
        self._response.content_type = EVENTS
        self._response.charset = "utf-8"

    async def send(self, body: bytes, *, event: str = "") -> None:
        """One event; `body` is JSON, so it has no line ends. The first one starts the response."""
        if not self._response.prepared:
            await self._response.prepare(self._request)
        name = f"event: {event}\n".encode() if event else b""
        await self._response.write(name + b"data: " + body + b"\n\n")

    async def end(self) -> web.StreamResponse:
        """The response, complete."""
        await self._response.write_eof()
        return self._response


async def stream_answer(request: web.Request, ask: Callable[[], Awaitable[Told[AnswerResponse]]]) -> web.StreamResponse:
    """`status`, then `sentence` for each, then `done` with the same JSON that a caller without streaming gets.

    Nothing of the answer is sent before `ask` has returned, when its audit event is durable. When it fails, the
    status is sent already: an `error` event with the problem document (RFC 9457) ends the stream.
    """
    stream = EventStream(request)
    await stream.send(as_json(StatusEvent(state="searching")), event="status")
    try:
        # A little less than what the request has, so that there is time to tell.
        async with asyncio.timeout(limits.REQUEST_SECONDS_MAX - limits.TELLING_SECONDS):
            told = await ask()
    except TimeoutError:
        await _send_error(stream, request, Unavailable("the request took too long", reason_code="REQUEST_TIMEOUT"))
        return await stream.end()
    except StaitheError as error:
        await _send_error(stream, request, error)
        return await stream.end()
    await stream.send(as_json(StatusEvent(state="recorded")), event="status")
    for index, sentence in enumerate(told.shown.sentences):
        cited = [told.shown.citations[place] for place in sentence.citations]
        shown = SentenceEvent(index=index, text=sentence.text, citations=cited)
        await stream.send(as_json(shown), event="sentence")
    await stream.send(told.body, event="done")
    return await stream.end()


async def _send_error(stream: EventStream, request: web.Request, error: StaitheError) -> None:
    response = problem_from(error).response(request[REQUEST_ID])
    body = json.dumps(json.loads(response.text or "{}"), separators=(",", ":"))
    await stream.send(body.encode(), event="error")
