"""Runs blocking calls on a few threads with a bounded queue: overload is refused, not discovered."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from staithe.kernel.errors import Unavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class BoundedWorker:
    """Threads with a name, at most `threads` calls at work and `waiting_max` behind them."""

    def __init__(self, name: str, *, threads: int, waiting_max: int) -> None:
        self._name = name
        self._room = threading.BoundedSemaphore(threads + waiting_max)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What `function` returns or raises; raises Unavailable at once when the queue is full.

        A cancelled caller leaves its call running; its place is free only when the call has ended.
        """
        if not self._room.acquire(blocking=False):
            raise Unavailable(f"the queue of {self._name} is full; try again", reason_code="OVERLOADED")
        try:
            future = self._executor.submit(function, *args, **kwargs)
        except RuntimeError as error:
            self._room.release()
            raise Unavailable(f"{self._name} is closing", reason_code="CLOSING") from error
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Result]) -> None:
        self._room.release()

    def close(self) -> None:
        """Accept nothing more and forget what waits; calls at work run to their end."""
        self._executor.shutdown(wait=False, cancel_futures=True)
