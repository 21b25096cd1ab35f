# It does forbidden things, plainly and in one place.
# ruff: noqa: PTH108, PTH116, PTH208, S108, S606, C901, PLR0911, PLR0912
"""The parser child with a hostile parser in place of ours: it does what the document names. For tests only."""

import ctypes
import errno
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from staithe.ingestion.parsers import child, framing
from staithe.ingestion.parsers.document import ParsedDocument

_LIBC = ctypes.CDLL(None, use_errno=True)


def _connect() -> None:
    address = b"\x02\x00\x00\x09\x7f\x00\x00\x01" + bytes(8)
    if _LIBC.connect(1, address, 16) != 0:
        raise OSError(ctypes.get_errno(), "connect")


def _datagram() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))


def _ptrace() -> None:
    if _LIBC.ptrace(16, os.getppid(), 0, 0) != 0:  # PTRACE_ATTACH to the server
        raise OSError(ctypes.get_errno(), "ptrace")


def _read_server_memory() -> None:
    target = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(target), 8)
    if _LIBC.process_vm_readv(os.getppid(), vector, 1, vector, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")


ACTS: dict[str, Callable[[], object]] = {
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "connect": _connect,
    "datagram": _datagram,
    "read file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "read environment": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "list folder": lambda: os.listdir("/"),
    "stat": lambda: os.stat("/etc/passwd"),
    "write file": lambda: os.open("/tmp/hostile", os.O_WRONLY | os.O_CREAT, 0o600),
    "unlink": lambda: os.unlink("/tmp/hostile"),
    "exec": lambda: os.execv("/bin/true", ["/bin/true"]),
    "fork": os.fork,
    "kill server": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "ptrace": _ptrace,
    "server memory": _read_server_memory,
    "memory file": lambda: os.memfd_create("x"),
    "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "duplicate": lambda: os.dup(1),
    "stop alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 0),
    "catch alarm": lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
    "read request pipe": lambda: os.read(0, 1),
}


def hostile(content: bytes, _declared: str) -> ParsedDocument:
    """Do the act that `content` names and say how it went; the special acts never return."""
    act = content.decode()
    match act:
        case "abort":
            os.abort()
        case "null pointer":
            ctypes.string_at(0)
        case "loop":
            while True:
                pass
        case "sleep":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case "memory":
            keep = []
            while True:
                keep.append(bytearray(1 << 20))
        case "exception with content":
            raise RuntimeError("SECRET of the document")
        case "flood":
            while True:
                os.write(1, b"x" * 65536)
        case "forged then next":
            frame = framing.encode_parsed(ParsedDocument("forged", None, "text/plain", {}))
            os.write(1, frame + frame)
        case "bad frame":
            os.write(1, b"\xff" * 100)
        case "control characters":
            return ParsedDocument("a\x1b[2J", None, "text/plain", {})
        case "unknown signal":
            return ParsedDocument("a", None, "text/plain", {"admin": 1})
        case "descriptors":
            return ParsedDocument(repr([n for n in range(64) if _is_open(n)]), None, "text/plain", {})
        case "environment":
            return ParsedDocument(repr(dict(os.environ)), None, "text/plain", {})
        case "echo":
            return ParsedDocument("served", None, "text/plain", {})
    try:
        ACTS[act]()
    except PermissionError:
        return ParsedDocument("refused", None, "text/plain", {})
    except OSError as error:
        return ParsedDocument(f"refused {error.errno}", None, "text/plain", {})
    return ParsedDocument("done", None, "text/plain", {})


def _is_open(descriptor: int) -> bool:
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError as error:
        return error.errno != errno.EBADF
    return True


if __name__ == "__main__":
    sys.exit(child.main(hostile))
