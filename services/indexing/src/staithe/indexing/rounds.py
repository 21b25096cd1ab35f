"""When the reconciler runs: at intervals, and at once on SIGHUP; and what it tells."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Final, Protocol

from staithe.indexing.differences import Kind
from staithe.indexing.reconciler import Round
from staithe.kernel.errors import StaitheError
from staithe.kernel.telemetry import Logger, Metrics

STEADY_SECONDS: Final = 5.0
"""Between two looks: what is being written when the first one comes is done by the second."""


class OneRound(Protocol):
    """The reconciler."""

    def run(self) -> Round: ...


class Rounds:
    """Runs rounds until cancelled. A round that fails is told and the next one comes in its time."""

    def __init__(
        self, reconciler: OneRound, *, ready: Callable[[], bool], minutes: float, metrics: Metrics, logger: Logger
    ) -> None:
        """`minutes` 0: only on SIGHUP. `ready` says whether everything current is known; before, there is no round."""
        self._reconciler, self._ready, self._logger = reconciler, ready, logger
        self._seconds = minutes * 60 if minutes else None
        self._differences = metrics.gauge("differences", "What differed at the end of the last round.", ["kind"])
        self._repairs = metrics.counter("repairs_total", "Differences that were mended.", ["kind"])
        self._rounds = metrics.counter("reconcile_rounds_total", "Rounds that came to their end.")
        self.wanted = asyncio.Event()

    async def run(self) -> None:
        """Never returns."""
        with contextlib.suppress(NotImplementedError):  # no such signal on this system
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.wanted.set)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wanted.wait(), self._seconds)
            self.wanted.clear()
            if self._ready():
                await self.once()

    async def once(self) -> None:
        """One round, told by metrics and log; never raises for a store that does not answer."""
        try:
            done = await asyncio.to_thread(self._reconciler.run)
        except StaitheError as error:
            self._logger.warning("reconcile_failed", reason_code=error.reason_code)
            return
        for kind in Kind:
            self._differences.labels(kind.value).set(done.left(kind))
        for each in done.mended:
            self._repairs.labels(each.kind.value).inc()
        self._rounds.inc()
        if done.found:
            self._logger.warning("index_differed", count=len(done.found), records=len(done.mended))
