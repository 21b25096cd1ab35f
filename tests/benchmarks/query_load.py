"""Many clients of one HTTPS service at once: as fast as they are answered, or at a steady rate."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import aiohttp

CLIENTS: Final = 50
SECONDS_MAX: Final = 30.0
"""Of one answer; longer counts as an error."""


@dataclass(frozen=True)
class Asking:
    """One client's requests, all alike but for the question."""

    url: str
    headers: dict[str, str]
    bodies: Sequence[dict[str, Any]]


@dataclass
class Load:
    """What came of it: seconds of each answer, in order, and how many requests failed, by status."""

    seconds: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.took


def closed(clients: Sequence[Asking], context: ssl.SSLContext, seconds: float) -> Load:
    """Each client asks again as soon as it has its answer; the first request, which connects, is not counted."""
    return asyncio.run(_run(clients, context, seconds, None))


def paced(clients: Sequence[Asking], context: ssl.SSLContext, seconds: float, rate: float) -> Load:
    """`rate` requests a second in all, evenly spread; an answer's time begins when it was due to be asked."""
    return asyncio.run(_run(clients, context, seconds, rate))


async def _run(clients: Sequence[Asking], context: ssl.SSLContext, seconds: float, rate: float | None) -> Load:
    load = Load()
    connector = aiohttp.TCPConnector(ssl=context, limit=0)
    timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(_ask(session, each, each.bodies[0], Load()) for each in clients))
        start = time.perf_counter()
        await asyncio.gather(
            *(
                _client(session, each, load, Turns(start, seconds, *_pace(place, len(clients), rate)))
                for place, each in enumerate(clients)
            )
        )
        load.took = time.perf_counter() - start
    return load


@dataclass(frozen=True)
class Turns:
    """When a client asks: from `start` on for `seconds`, first after `delay` and then each `every`, 0: at once."""

    start: float
    seconds: float
    delay: float = 0.0
    every: float = 0.0


def _pace(place: int, clients: int, rate: float | None) -> tuple[float, float]:
    return (0.0, 0.0) if rate is None else (place / rate, clients / rate)


async def _client(session: aiohttp.ClientSession, asking: Asking, load: Load, turns: Turns) -> None:
    due = turns.start + turns.delay
    for body in cycle(asking.bodies):
        now = time.perf_counter()
        if max(now, due) - turns.start >= turns.seconds:
            return
        if turns.every:
            await asyncio.sleep(max(due - now, 0.0))
        await _ask(session, asking, body, load, since=due if turns.every else None)
        due += turns.every


async def _ask(
    session: aiohttp.ClientSession, asking: Asking, body: dict[str, Any], load: Load, *, since: float | None = None
) -> None:
    since = time.perf_counter() if since is None else since
    try:
        async with session.post(asking.url, json=body, headers=asking.headers) as response:
            await response.read()
            outcome = "" if response.status == 200 else str(response.status)
    except (aiohttp.ClientError, TimeoutError) as error:
        outcome = type(error).__name__
    if outcome:
        load.failures[outcome] = load.failures.get(outcome, 0) + 1
    else:
        load.seconds.append(time.perf_counter() - since)
