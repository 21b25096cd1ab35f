"""The client for asynchronous programs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx2

from staithe.client import calls, models, sending
from staithe.client.calls import Call, Told
from staithe.client.problems import Problem, Unreachable


class AsyncClient:
    """Asks, searches, publishes and erases as whoever the token is for. For one event loop.

    `token` is a string, or a function that gives one that is valid now. `uploads_url` is only needed to publish.
    `ca_file` is the authority to trust instead of the system's. A request that cannot be served now is tried up to
    `tries_max` times where that does no harm. Every method raises a Problem.
    """

    def __init__(
        self, url: str, token: sending.Token, *, uploads_url: str | None = None, ca_file: Path | str | None = None,
        seconds_max: float = sending.SECONDS_MAX_DEFAULT, tries_max: int = sending.TRIES_MAX_DEFAULT,
    ) -> None:  # fmt: skip
        self._settings = sending.checked(url, token, uploads_url, tries_max)
        self._http = httpx2.AsyncClient(verify=sending.tls(ca_file), timeout=seconds_max, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def ask(
        self, question: str, *, mode: Literal["extractive", "generative"] = "extractive", explain: bool = False
    ) -> models.Answer:
        """An answer in quotations, or, with `generative` and where it is set up, in a language model's words.

        With `explain` its `explanation` says how what was considered was found.
        """
        return await self._send(calls.ask(question, mode, explain))

    async def ask_stream(
        self, question: str, *, mode: Literal["extractive", "generative"] = "extractive"
    ) -> AsyncIterator[models.SentenceTold | models.Answer]:
        """Each sentence as it is told, and at last the whole Answer."""
        call = calls.ask(question, mode)
        try:
            async with self._http.sse(
                self._settings.address(call), method=call.method, content=call.content,
                headers=self._settings.headers(call),
            ) as source:  # fmt: skip
                if not source.response.is_success:
                    await source.response.aread()
                    sending.read(call, source.response.status_code, source.response.content, source.response.headers)
                async for each in source:
                    told = sending.event(each.event, each.data)
                    if told is not None:
                        yield told
                    if isinstance(told, models.Answer):
                        return
        except httpx2.HTTPError as error:
            raise sending.unreachable(error) from error
        raise Unreachable(0, "answer-incomplete", sending.BROKEN_OFF)

    async def find(self, question: str, *, limit: int = 5, explain: bool = False) -> models.Found:
        """As `search`, with the search's id, and with `explain` how what was found was found."""
        return await self._send(calls.find(question, limit, explain))

    async def search(self, question: str, *, limit: int = 5) -> tuple[models.Result, ...]:
        """The nearest chunks that the caller may see, best first."""
        return (await self.find(question, limit=limit)).results

    async def document(self, document_id: str) -> models.Document:
        """What holds for a document now."""
        return await self._send(calls.document(document_id))

    async def content(self, document_id: str) -> models.Text:
        """A document's sanitized text; the spans of citations count its characters."""
        return await self._send(calls.content(document_id))

    async def evidence(self, answer_id: str) -> bytes:
        """The evidence of an answer, for `staithe audit verify`; Conflict while it is on its way into the log."""
        return await self._send(calls.evidence(answer_id))

    async def erase(self, document_id: str) -> models.Erasing:
        """Erase a document, all versions. It cannot be undone."""
        return await self._send(calls.erase(document_id))

    async def erasure(self, document_id: str) -> models.ErasureReceipt:
        """What the erasure removed, once it is done."""
        return await self._send(calls.erasure(document_id))

    async def publish(
        self, document_id: str, content: bytes, *, content_type: str, tier: int, classification: str,
        groups: tuple[str, ...] = (), name: str = "", source: str = "staithe-client", residency: str = "eu",
        retention_until: datetime | None = None, version: int | None = None,
    ) -> models.Accepted:  # fmt: skip
        """Upload a document, or its new version; it is indexed soon after, which `state` tells."""
        return await self._send(
            calls.publish(
                document_id, content, content_type=content_type, tier=tier, classification=classification,
                groups=groups, name=name, source=source, residency=residency, retention_until=retention_until,
                version=version,
            )
        )  # fmt: skip

    async def state(self, document_id: str) -> models.State:
        """Where the newest version of a document is."""
        return await self._send(calls.state(document_id))

    async def _send(self, call: Call[Told]) -> Told:
        tries = 1
        while True:
            try:
                return await self._try(call)
            except Problem as problem:
                pause = self._settings.pause(call, problem, tries)
                if pause is None:
                    raise
            tries += 1
            await asyncio.sleep(pause)

    async def _try(self, call: Call[Told]) -> Told:
        try:
            response = await self._http.request(
                call.method, self._settings.address(call), params=call.params, content=call.content,
                headers=self._settings.headers(call),
            )  # fmt: skip
        except httpx2.HTTPError as error:
            raise sending.unreachable(error) from error
        return sending.read(call, response.status_code, response.content, response.headers)
