"""The one way out: asks a provider over HTTPS within limits, and stops asking one that does not answer."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp

from staithe.kernel.clock import Clock
from staithe.kernel.errors import Unavailable
from staithe.kernel.tls import client_context
from staithe.query import limits
from staithe.query.language.registry import Provider


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider said. `tokens` is what it says it counted, never less than the reply's characters suggest."""

    text: str
    tokens: int


class LanguageModel(Protocol):
    """Asks a language model."""

    async def ask(self, messages: list[dict[str, str]]) -> Reply:
        """Its reply; raises Unavailable when there is none in time, or it is none."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class ProviderGateway:
    """A provider behind a circuit breaker: after LANGUAGE_FAILURES_MAX in a row it is left alone for a while."""

    def __init__(self, provider: Provider, key: str, *, seconds_max: float, clock: Clock) -> None:
        self._provider, self._key, self._seconds_max, self._clock = provider, key, seconds_max, clock
        self._failures, self._closed_until = 0, 0.0
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, messages: list[dict[str, str]]) -> Reply:
        """One try: a repeated one would send the documents' text a second time."""
        if self._clock.monotonic() < self._closed_until:
            raise Unavailable("the language model is left alone for now", reason_code="LANGUAGE_CIRCUIT_OPEN")
        try:
            async with asyncio.timeout(self._seconds_max):
                reply = await self._post(messages)
        except _FAILURES as error:
            self._failures += 1
            if self._failures >= limits.LANGUAGE_FAILURES_MAX:
                self._closed_until = self._clock.monotonic() + limits.LANGUAGE_PAUSE_SECONDS
                self._failures = 0
            raise Unavailable("the language model does not answer", reason_code="LANGUAGE_UNAVAILABLE") from error
        self._failures = 0
        return reply

    async def _post(self, messages: list[dict[str, str]]) -> Reply:
        body = {
            "model": self._provider.model, "messages": messages, "temperature": 0, "stream": False,
            "max_tokens": limits.LANGUAGE_REPLY_TOKENS_MAX, "store": False,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {self._key}"}
        async with self._connected().post(
            f"{self._provider.url}/chat/completions", json=body, headers=headers, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise ValueError("not a success")
            content = bytearray()
            async for piece in response.content.iter_any():
                content += piece
                if len(content) > limits.LANGUAGE_REPLY_BYTES_MAX:
                    raise ValueError("too long")
        told: dict[str, Any] = json.loads(content)
        text = told["choices"][0]["message"]["content"]
        if not isinstance(text, str):
            raise TypeError("not text")
        counted = told.get("usage", {}).get("total_tokens", 0)
        sent = sum(len(each["content"]) for each in messages) + len(text)
        # A provider that counts too little must not widen anybody's budget.
        return Reply(text, max(int(counted), sent // _CHARACTERS_PER_TOKEN))

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=limits.LANGUAGE_CONNECTIONS_MAX, ssl=_trust(self._provider))
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._seconds_max),
            )  # fmt: skip
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


_FAILURES: Final = (
    TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError,
    RecursionError,
)  # fmt: skip
"""No reply in time, none at all, or one of another shape than the API has."""
_CHARACTERS_PER_TOKEN: Final = 6
"""More than English has, so that this is a lower bound."""


def _trust(provider: Provider) -> ssl.SSLContext:
    if provider.ca_file is not None:
        return client_context(provider.ca_file)
    return ssl.create_default_context()
