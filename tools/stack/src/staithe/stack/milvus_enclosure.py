"""Runs one server in a network namespace of its own with a single door: a relay on 127.0.0.1.

Milvus 2.3.5 listens on all interfaces whatever its settings say, and some of those ports answer without
authentication. Here they exist only inside the namespace (Linux, namespaces(7)), which has no interface but its
own loopback. The listening socket of the door is made before the namespace is entered, and a socket stays in the
namespace it was made in: so one process accepts outside and connects inside, and passes bytes it cannot read.

The door opens only once the server says that it is healthy. When the server dies the enclosure exits with 1;
when the enclosure dies, however it dies, the kernel kills the server.
"""

import argparse
import asyncio
import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError

CONNECTIONS_MAX: Final = 64
"""Each service holds one or two; more is a leak, and the namespace should not be exhausted by it."""

HEALTHY_SECONDS_MAX: Final = 180.0
"""A cold start takes 3 s, a start that replays a log after kill -9 more than a minute."""

STOP_SECONDS_MAX: Final = 3.0
"""Milvus may hang on SIGTERM for half an hour; its log is durable, so it is killed after a short wait."""

_RELAY_BYTES: Final = 1 << 16
_HEALTH_PERIOD_SECONDS: Final = 0.05
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_PDEATHSIG: Final = 1
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_REFUSED: Final = (
    "this system does not allow network namespaces, and the Milvus server must not run without one: "
    "start the stack with Milvus Lite, or allow unprivileged user namespaces "
    "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
)


def require_namespaces() -> None:
    """Return when this system lets us isolate a server; raise ConfigurationError otherwise. Tried in a child."""
    probe = subprocess.run([sys.executable, "-m", __name__, "--probe"], capture_output=True, check=False, timeout=30)
    if probe.returncode != 0:
        raise ConfigurationError(_REFUSED, reason_code="NAMESPACES_UNAVAILABLE")


def enter_namespace() -> None:
    """Move this process, which must have one thread, into a new network namespace with only a loopback.

    Raises ConfigurationError when the system refuses. Needs no privilege where user namespaces are allowed.
    """
    user, group = os.getuid(), os.getgid()
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(_REFUSED, reason_code="NAMESPACES_UNAVAILABLE")
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        elif libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _raise_loopback()
    except OSError as error:
        raise ConfigurationError(_REFUSED, reason_code="NAMESPACES_UNAVAILABLE") from error


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _die_with_parent() -> None:
    """In the child, before exec: the kernel kills it when the enclosure is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Relay:
    """Accepts on the outer socket and connects to one port inside; knows nothing of what it carries."""

    def __init__(self, inner_port: int) -> None:
        self._inner_port = inner_port
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it; refuse it when CONNECTIONS_MAX are open."""
        self._open += 1
        try:
            if self._open <= CONNECTIONS_MAX:
                await self._carry(reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner_port)
            try:
                await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
            finally:
                inner_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until end of stream, then pass the end on; `drain` is the back-pressure."""
    while content := await reader.read(_RELAY_BYTES):
        writer.write(content)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _is_healthy(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(4096), timeout=2)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return answer.split(b"\r\n", 1)[0].endswith(b" 200 OK")


async def _wait_until_healthy(port: int, exited: "asyncio.Future[int]") -> bool:
    deadline = asyncio.get_running_loop().time() + HEALTHY_SECONDS_MAX
    while not exited.done() and asyncio.get_running_loop().time() < deadline:
        if await _is_healthy(port):
            return True
        await asyncio.sleep(_HEALTH_PERIOD_SECONDS)
    return False


async def _supervise(server: "subprocess.Popen[bytes]", door: socket.socket, inner: int, health: int) -> int:
    """Relay until the server exits (1) or a stop signal arrives (0)."""
    loop = asyncio.get_running_loop()
    exited = loop.run_in_executor(None, server.wait)
    serving = asyncio.create_task(_serve(door, inner, health, exited))
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        serving.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    await _stop(server, exited)
    return 0 if stopped else 1


async def _serve(door: socket.socket, inner: int, health: int, exited: "asyncio.Future[int]") -> None:
    """Open the door once the server is healthy, and keep it open until the server exits."""
    if not await _wait_until_healthy(health, exited):
        return
    listener = await asyncio.start_server(Relay(inner).serve, sock=door, backlog=CONNECTIONS_MAX)
    try:
        await asyncio.shield(exited)
    finally:
        listener.close()


async def _stop(server: "subprocess.Popen[bytes]", exited: "asyncio.Future[int]") -> None:
    if not exited.done():
        server.terminate()
        await asyncio.wait({exited}, timeout=STOP_SECONDS_MAX)
    if not exited.done():
        server.kill()
    await exited


def _open_door(port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise ConfigurationError(
            f"port {port} on 127.0.0.1 is taken; choose another STAITHE_STACK_PORT_BASE", reason_code="PORT_TAKEN"
        ) from error
    return door


def main(arguments: list[str]) -> int:
    """Run `arguments` (see --help) in an enclosure; 0 stopped, 1 server died, 2 the system does not allow it."""
    parser = argparse.ArgumentParser(prog="milvus_enclosure")
    parser.add_argument("--probe", action="store_true", help="only try whether namespaces are allowed")
    parser.add_argument("--door-port", type=int, default=0, help="port on 127.0.0.1 outside")
    parser.add_argument("--inner-port", type=int, default=0, help="port of the server inside")
    parser.add_argument("--health-port", type=int, default=0, help="port of its HTTP /healthz inside")
    parser.add_argument("--library-path", default="", help="LD_LIBRARY_PATH of the server, and only of it")
    parser.add_argument("command", nargs="*", help="the server and its arguments")
    options = parser.parse_args(arguments)
    try:
        if options.probe:
            enter_namespace()
            return 0
        door = _open_door(options.door_port)
        enter_namespace()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    # Before any thread exists, so that forking is safe and the death signal is tied to the main thread.
    server = subprocess.Popen(
        options.command,
        env=os.environ | {"LD_LIBRARY_PATH": options.library_path},
        preexec_fn=_die_with_parent,  # noqa: PLW1509
        close_fds=True,
    )
    return asyncio.run(_supervise(server, door, options.inner_port, options.health_port))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
