"""Readiness seen from outside: the process must answer in its own protocol over TLS 1.3, not merely hold a port."""

import http.client
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from staithe.kernel.tls import client_context
from staithe.stack.limits import PROBE_BODY_BYTES_MAX, PROBE_TIMEOUT_S
from staithe.stack.ports import HOST

_API_VERSIONS_KEY: Final = 18
_CORRELATION: Final = 1


def kafka_ready(port: int, authority: Path) -> Callable[[], bool]:
    """A probe that is true when a broker answers an ApiVersions request on its TLS listener.

    ApiVersions (key 18, version 0) is the one request a broker answers before SASL, so the probe needs no password.
    Raises ConfigurationError now when `authority` (PEM) cannot be loaded; the probe itself never raises.
    """
    context = client_context(authority)

    def ready() -> bool:
        try:
            with (
                socket.create_connection((HOST, port), timeout=PROBE_TIMEOUT_S) as raw,
                context.wrap_socket(raw, server_hostname="localhost") as tls,
            ):
                client = b"probe"
                header = struct.pack(f">hhih{len(client)}s", _API_VERSIONS_KEY, 0, _CORRELATION, len(client), client)
                tls.sendall(struct.pack(">i", len(header)) + header)
                answer = tls.recv(10)
        except OSError:
            return False
        # size, correlation id, error code
        return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (_CORRELATION, 0)

    return ready


def https_ready(port: int, authority: Path, path: str) -> Callable[[], bool]:
    """A probe that is true when GET `path` on 127.0.0.1:`port` answers 200 over TLS 1.3; raises as kafka_ready does."""
    context = client_context(authority)

    def ready() -> bool:
        connection = http.client.HTTPSConnection(HOST, port, timeout=PROBE_TIMEOUT_S, context=context)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read(PROBE_BODY_BYTES_MAX)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return response.status == 200

    return ready
