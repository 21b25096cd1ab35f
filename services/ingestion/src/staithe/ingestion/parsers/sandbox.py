"""The service's side of the parser child: a document in, clean text or a reason out, and a working child after.

A `ParserProcess` owns one child and is used by one thread at a time; a `ParserPool` shares several among threads.
"""

import contextlib
import os
import queue
import signal
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from staithe.ingestion.parsers import confine, framing, limits, seccomp, sniff
from staithe.ingestion.parsers.document import ParsedDocument
from staithe.ingestion.parsers.process import Child, ChildLost
from staithe.ingestion.parsers.reasons import refusal
from staithe.kernel.errors import ConfigurationError, Unavailable

CHILD_COMMAND: Final = (sys.executable, "-I", "-m", "staithe.ingestion.parsers.child")
# Without these a service on Linux does not start: the filter is what makes a parser's fault harmless.
ISOLATION_REQUIRED: Final = frozenset(
    {confine.SECCOMP, confine.MEMORY_LIMIT, confine.NO_FILE_WRITES} if seccomp.supported() else set()
)
_ENDED_BY_TIME: Final = frozenset({signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU})


class ParserProcess:
    """One child. Not thread-safe; `ParserPool` is."""

    def __init__(
        self,
        *,
        command: Sequence[str] = CHILD_COMMAND,
        isolation_required: frozenset[str] = ISOLATION_REQUIRED,
        wall_seconds_max: float = limits.WALL_SECONDS_MAX,
    ) -> None:
        self._command = tuple(command)
        self._isolation_required = isolation_required
        self._wall_seconds_max = wall_seconds_max
        self._child: Child | None = None
        self._memory_bytes_peak = 0

    @property
    def isolation(self) -> tuple[str, ...]:
        """Names of the controls that are in force (see `confine`); starts the child if need be."""
        return self._running().isolation

    @property
    def pid(self) -> int:
        """The child's process id; starts it if need be."""
        return self._running().pid

    @property
    def memory_bytes_peak(self) -> int:
        """The most resident memory that any document's process has used so far."""
        return self._memory_bytes_peak

    def start(self) -> None:
        """Start now rather than with the first document. Blocks for about 0.2 s.

        Raises Unavailable if no child can be started, ConfigurationError if a required control is not granted here.
        """
        self._running()

    def parse(self, content: bytes, declared: str) -> ParsedDocument:
        """Parse one document; blocks up to WALL_SECONDS_MAX. Raises InvalidEvent with a code of `reasons.REASONS`,
        and what `start` raises. Afterwards, whatever happened, the next document is served."""
        sniff.read_declared(declared)
        if not content:
            raise refusal("DOCUMENT_EMPTY")
        if len(content) > limits.DOCUMENT_BYTES_MAX:
            raise refusal("DOCUMENT_TOO_LARGE")
        child = self._running()
        try:
            wait_status, memory_bytes, frame = child.exchange(content, declared, self._wall_seconds_max)
        except ChildLost as lost:
            self.close()
            raise refusal(lost.reason_code) from lost
        except BaseException:
            self.close()
            raise
        self._memory_bytes_peak = max(self._memory_bytes_peak, memory_bytes)
        return _verdict(wait_status, memory_bytes, frame)

    def close(self) -> None:
        """End the child and wait for it. Safe to call twice."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _running(self) -> Child:
        if self._child is not None and not self._child.is_alive():
            self.close()
        if self._child is None:
            child = Child(self._command)
            missing = self._isolation_required - set(child.isolation)
            if missing:
                child.end()
                raise ConfigurationError(
                    f"the parser child lacks {', '.join(sorted(missing))}; run on a kernel and container profile"
                    " that permit them, or set a weaker requirement knowingly",
                    reason_code="PARSER_ISOLATION_MISSING",
                )
            self._child = child
        return self._child


class ParserPool:
    """Several children behind one blocking, thread-safe `parse`."""

    def __init__(
        self,
        size: int = 1,
        *,
        command: Sequence[str] = CHILD_COMMAND,
        isolation_required: frozenset[str] = ISOLATION_REQUIRED,
        wall_seconds_max: float = limits.WALL_SECONDS_MAX,
    ) -> None:
        """`size` children, started with `start` or with the first documents; at most POOL_CHILDREN_MAX."""
        if not 1 <= size <= limits.POOL_CHILDREN_MAX:
            raise ConfigurationError(f"the parser pool needs 1 to {limits.POOL_CHILDREN_MAX} children")
        self._processes = [
            ParserProcess(command=command, isolation_required=isolation_required, wall_seconds_max=wall_seconds_max)
            for _ in range(size)
        ]
        # Last in, first out: a quiet service keeps one child warm and the others asleep.
        self._free: queue.LifoQueue[ParserProcess] = queue.LifoQueue()
        for process in self._processes:
            self._free.put(process)
        self._isolation: tuple[str, ...] = ()

    def start(self) -> None:
        """Start all children; raises what `ParserProcess.start` raises."""
        for process in self._processes:
            process.start()
        self._isolation = self._processes[0].isolation

    @property
    def isolation(self) -> tuple[str, ...]:
        """The controls in force when `start` returned; empty before."""
        return self._isolation

    def parse(self, content: bytes, declared: str) -> ParsedDocument:
        """As `ParserProcess.parse`, from any thread; also raises Unavailable if no child becomes free in time."""
        with self._borrowed() as process:
            return process.parse(content, declared)

    def close(self) -> None:
        """End all children. Call it after the last `parse` has returned."""
        for process in self._processes:
            process.close()

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[ParserProcess]:
        try:
            process = self._free.get(timeout=limits.POOL_WAIT_SECONDS_MAX)
        except queue.Empty as error:
            raise Unavailable("no parser child became free; add children", reason_code="PARSER_BUSY") from error
        try:
            yield process
        finally:
            self._free.put(process)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _verdict(wait_status: int, memory_bytes: int, frame: bytes) -> ParsedDocument:
    """What the server saw counts before what the document's process said."""
    if os.WIFSIGNALED(wait_status):
        if os.WTERMSIG(wait_status) in _ENDED_BY_TIME:
            raise refusal("PARSER_TIMEOUT")
        # A library that gets no memory often dies of a trap or a null pointer.
        near_limit = memory_bytes > limits.MEMORY_BYTES_MAX // 2
        raise refusal("PARSER_MEMORY" if near_limit else "PARSER_CRASHED")
    try:
        answer = framing.decode_response(frame)
    except framing.FrameError as error:
        raise refusal("PARSER_CRASHED") from error
    if isinstance(answer, str):
        raise refusal(answer)
    return answer
