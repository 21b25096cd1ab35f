"""One running parser child: its pipes, its start, one exchange with a deadline, its end."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Final

from staithe.ingestion.parsers import framing, limits
from staithe.kernel.errors import Unavailable

_READ_BYTES: Final = 256 * 1024


class ChildLost(Exception):
    """The child as a whole must be replaced; `reason_code` is the verdict on the document it had."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


class Child:
    """A started child that has reported its isolation. All pipes are non-blocking on this side."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start and wait until it is ready; raises Unavailable."""
        reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*command, str(writer)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(writer,),
                cwd="/",
                env={},
                bufsize=0,
                # A group of its own: a key press in the terminal goes to the service only, and `end` reaches all.
                start_new_session=True,
            )
        except OSError as error:
            os.close(reader)
            raise Unavailable("the parser child cannot be started", reason_code="PARSER_UNAVAILABLE") from error
        finally:
            os.close(writer)
        self._status = reader
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 (given above)
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        for descriptor in (self._status, self._stdin, self._stdout):
            os.set_blocking(descriptor, False)
        self.isolation = self._await_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the child and the process of its document, and collect it. The group is ours alone."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        if self._status >= 0:
            os.close(self._status)
            self._status = -1

    def exchange(self, content: bytes, declared: str, seconds_max: float) -> tuple[int, int, bytes]:
        """Send a document; return its process's wait status, peak memory in bytes, and its unread response.

        Raises ChildLost with PARSER_TIMEOUT, TEXT_TOO_LARGE or PARSER_CRASHED; the child is then unusable.
        """
        deadline = time.monotonic() + seconds_max
        declared_bytes = declared.encode()
        request = framing.REQUEST.pack(len(declared_bytes), len(content)) + declared_bytes
        waiting = [memoryview(request), memoryview(content)]
        response, status = bytearray(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._status, selectors.EVENT_READ)
            while len(status) < framing.STATUS.size:
                left = deadline - time.monotonic()
                ready = {key.fd for key, _ in selector.select(left)} if left > 0 else set()
                if not ready:
                    raise ChildLost("PARSER_TIMEOUT")
                if self._stdin in ready and not self._send(waiting):
                    selector.unregister(self._stdin)
                if self._stdout in ready:
                    self._receive(response)
                if self._status in ready:
                    status += self._read_status(framing.STATUS.size - len(status))
        # The document's process has ended, so what the pipe holds now is all it ever wrote.
        while self._receive(response):
            pass
        if waiting:
            raise ChildLost("PARSER_CRASHED")
        return *framing.STATUS.unpack(status), bytes(response)

    def _send(self, waiting: list[memoryview]) -> bool:
        """Write what the pipe takes; False when all is sent."""
        try:
            sent = os.write(self._stdin, waiting[0])
        except BlockingIOError:
            return True
        except BrokenPipeError as error:
            raise ChildLost("PARSER_CRASHED") from error
        waiting[0] = waiting[0][sent:]
        if not waiting[0]:
            waiting.pop(0)
        return bool(waiting)

    def _receive(self, response: bytearray) -> bool:
        """Take what the pipe holds; False when it holds nothing now."""
        try:
            piece = os.read(self._stdout, _READ_BYTES)
        except BlockingIOError:
            return False
        if not piece:
            raise ChildLost("PARSER_CRASHED")
        response += piece
        if len(response) > framing.RESPONSE_BYTES_MAX:
            raise ChildLost("TEXT_TOO_LARGE")
        return True

    def _read_status(self, count: int) -> bytes:
        piece = os.read(self._status, count)
        if not piece:
            raise ChildLost("PARSER_CRASHED")
        return piece

    def _await_ready(self) -> tuple[str, ...]:
        try:
            head = self._read_start(framing.READY.size)
            length = framing.READY.unpack(head)[0]
            names = json.loads(self._read_start(min(length, framing.READY_BYTES_MAX)))
            return tuple(str(name) for name in names)
        except (ChildLost, ValueError, TypeError) as error:
            self.end()
            raise Unavailable(
                "the parser child ended before it was ready; check the installation of the ingestion service",
                reason_code="PARSER_UNAVAILABLE",
            ) from error

    def _read_start(self, count: int) -> bytes:
        deadline = time.monotonic() + limits.START_SECONDS_MAX
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._status, selectors.EVENT_READ)
            while len(received) < count:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ChildLost("PARSER_TIMEOUT")
                received += self._read_status(count - len(received))
        return received
