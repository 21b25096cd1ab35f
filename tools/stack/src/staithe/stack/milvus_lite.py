"""The Milvus Lite server of the local stack: one process, one folder, 127.0.0.1 only.

It has no users, no TLS and no telemetry (it makes no connection of its own at all): whoever can open the port can
read and change the index, so it is for one developer's machine, and `staithe up` says so. Acknowledged rows survive
kill -9, but not a power cut (it does not sync each write). Only one process may write to it. It is started by
`milvus_lite_program`, which mends a fault of its own.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

from staithe.stack.layout import StackPaths
from staithe.stack.ports import HOST, StackPorts
from staithe.stack.processes import ProcessSpec

NAME: Final = "milvus"
WARNING: Final = (
    "Milvus Lite has no users and no TLS: anybody on this machine who can open its port can read the vectors "
    "and change the index. Document texts in it are sealed. For development only."
)
_PROBE_SECONDS: Final = 1.0
_HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HTTP2_EMPTY_SETTINGS: Final = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_HTTP2_SETTINGS_TYPE: Final = 4


def milvus_lite_process(paths: StackPaths, ports: StackPorts) -> ProcessSpec:
    """How the stack runs Milvus Lite: data in `milvus/lite`, stopped by SIGINT, which closes the database."""
    port = ports.of("milvus")
    return ProcessSpec(
        name=NAME,
        argv=(
            sys.executable,
            "-m",
            "staithe.stack.milvus_lite_program",
            "server",
            "--host",
            HOST,
            "--port",
            str(port),
            "--data-dir",
            str(paths.milvus / "lite"),
        ),
        env={
            "PATH": os.defpath,
            # pymilvus, which Lite imports, would read `.env` files of the folders above it.
            "PYTHON_DOTENV_DISABLED": "1",
            "PYTHONUNBUFFERED": "1",
        },
        cwd=paths.milvus,
        log_path=paths.log_of(NAME),
        ready=grpc_ready(port),
        stop_signal=signal.SIGINT,
    )


def grpc_ready(port: int) -> Callable[[], bool]:
    """A probe that is true when an HTTP/2 server (RFC 9113) answers on 127.0.0.1:`port`; it never raises."""

    def ready() -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=_PROBE_SECONDS) as connection:
                connection.sendall(_HTTP2_PREFACE + _HTTP2_EMPTY_SETTINGS)
                answer = connection.recv(9)
        except OSError:
            return False
        return len(answer) == 9 and answer[3] == _HTTP2_SETTINGS_TYPE

    return ready
