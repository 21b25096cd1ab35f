"""One connection to Milvus: made at the first call, remade after a failure, every error turned into one of ours.

The only module that touches pymilvus. It is imported at the first call, because it brings pandas and pyarrow
along (1.1 s, 100 MB), and it is muted: its log lines carry filters and stack traces.
"""

import importlib
import logging
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from staithe.kernel.errors import (
    AccessDenied,
    ConfigurationError,
    Integrity,
    InvalidEvent,
    StaitheError,
    Unavailable,
)
from staithe.kernel.files import read_password
from staithe.vectors.store import limits

Result = TypeVar("Result")

_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LITE_VERSION_PREFIX: Final = "milvus_lite"
_CHANNEL_OPTIONS: Final = {
    # Otherwise gRPC would send our connection through whatever `http_proxy` names.
    "grpc.enable_http_proxy": 0,
    # Milvus Lite answers pings without a call with GOAWAY (too_many_pings), so idle channels stay silent.
    "grpc.keepalive_permit_without_calls": 0,
}
SPARSE_SINCE: Final = (2, 4)
_DENIED_CODES: Final = frozenset({1400, 1401, 1402})
_REFUSED_CODES: Final = frozenset({6, 1100, 1101})
_TRANSIENT_CODES: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 9, *range(500, 1003)})
"""Milvus pkg/merr: service, resource, channel, segment, node and I/O errors pass; a retry finds the server well."""
_MISSING_COLLECTION: Final = frozenset({4, 100})
_NOT_LOADED: Final = 101
_CONNECT_FAILED: Final = 2
_CAUSES_MAX: Final = 4
"""Links of an exception chain that are looked at; pymilvus makes two."""


class Consistency(StrEnum):
    """What a read sees. STRONG waits for every earlier write (0.2 to 0.4 s); BOUNDED may be seconds behind."""

    STRONG = "Strong"
    BOUNDED = "Bounded"


@dataclass(frozen=True, slots=True)
class MilvusTls:
    """Files of mutual TLS, PEM. `trusted` is the authority's certificate, or the server's own to pin it."""

    trusted: Path
    certificate: Path
    key: Path
    server_name: str


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """Where Milvus is and who we are there; the password's file is read at every new connection.

    Raises ConfigurationError for anything but `http://<loopback>:<port>` or `https://<host>:<port>` with `tls`.
    """

    uri: str
    user: str = ""
    password_file: Path | None = None
    tls: MilvusTls | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS and self.tls is None
        protected = parts.scheme == "https" and bool(parts.hostname) and self.tls is not None
        bare = parts.netloc.count("@") == 0 and not parts.path and not parts.query
        if not (bare and (local or protected) and _has_port(self.uri)):
            raise ConfigurationError(
                "the Milvus address must be http://127.0.0.1:<port>, or https://<host>:<port> with mutual TLS",
                reason_code="MILVUS_ADDRESS_REFUSED",
            )
        if bool(self.user) != (self.password_file is not None):
            raise ConfigurationError(
                "Milvus needs a user and a password file, or neither", reason_code="MILVUS_CREDENTIALS_INCOMPLETE"
            )


def _has_port(uri: str) -> bool:
    try:
        return urlsplit(uri).port is not None
    except ValueError:
        return False


class MilvusConnection:
    """Calls Milvus for one principal. Safe to use from several threads; makes no connection before a call."""

    def __init__(self, address: MilvusAddress) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._client: Any = None
        self._lite = False
        self._version: tuple[int, ...] = ()

    def call(self, function: Callable[[Any], Result], *, place: str) -> Result:
        """`function(client)`, blocking; the client is a pymilvus MilvusClient and `place` names the call in errors.

        Raises Unavailable when the server cannot be reached or answer now (the next call connects anew),
        AccessDenied when it refuses our identity or right, InvalidEvent when it refuses the values sent,
        Integrity for everything else. Never passes on the server's words, which may quote a filter.
        """
        client = self._connected(place)
        try:
            return function(client)
        except StaitheError:
            raise
        except Exception as error:  # noqa: BLE001 pymilvus and grpc have no common base
            failure = _failure(error, place)
            if isinstance(failure, Unavailable) and _is_disconnected(error):
                self._forget(client)
            raise failure from None

    @property
    def is_lite(self) -> bool:
        """Whether the server is Milvus Lite; connects when no call has yet, and raises as `call` does."""
        self._connected("version")
        return self._lite

    @property
    def has_sparse(self) -> bool:
        """Whether the server searches sparse vectors: Milvus Lite, and servers from SPARSE_SINCE on.

        An older one makes such a collection without a word and cannot search it. Connects and raises as `is_lite`.
        """
        self._connected("version")
        return self._lite or self._version >= SPARSE_SINCE

    def close(self) -> None:
        """Close the connection; a later call makes a new one."""
        with self._lock:
            client, self._client = self._client, None
        _close(client)

    def _connected(self, place: str) -> Any:
        with self._lock:
            if self._client is None:
                try:
                    self._client = _connect(self._address)
                    version = self._client.get_server_version(timeout=limits.CONNECT_SECONDS_MAX)
                except StaitheError:
                    raise
                except Exception as error:  # noqa: BLE001 as in `call`
                    client, self._client = self._client, None
                    _close(client)
                    raise _failure(error, f"connect for {place}") from None
                self._lite = str(version).startswith(_LITE_VERSION_PREFIX)
                self._version = _numbers(str(version))
            return self._client

    def _forget(self, client: Any) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        _close(client)


def _numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a server's version, such as "v2.3.5" or "2.6.1-dev"; none: of nothing we know."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def _connect(address: MilvusAddress) -> Any:
    """A new client. `dedicated`: pymilvus would share one by address and token, whatever the certificates."""
    options: dict[str, Any] = {"grpc_options": _CHANNEL_OPTIONS, "dedicated": True}
    if address.password_file is not None:
        options |= {"user": address.user, "password": read_password(address.password_file)}
    if address.tls is not None:
        options |= {
            "secure": True,
            "ca_pem_path": str(address.tls.trusted),
            "client_pem_path": str(address.tls.certificate),
            "client_key_path": str(address.tls.key),
            "server_name": address.tls.server_name,
        }
        _require_files(address.tls)
    return load_pymilvus().MilvusClient(uri=address.uri, timeout=limits.CONNECT_SECONDS_MAX, **options)


def _require_files(tls: MilvusTls) -> None:
    """pymilvus falls back to the system's authorities without a word when one of the three is not given."""
    missing = [path for path in (tls.trusted, tls.certificate, tls.key) if not path.is_file()]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is missing; Milvus needs it for mutual TLS", reason_code="MILVUS_TLS_INCOMPLETE"
        )


def load_pymilvus() -> Any:
    """pymilvus, imported now if it was not; it neither reads `.env` files nor logs."""
    # It calls load_dotenv() when imported, which would let a stray file set variables of our process.
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
    # gRPC's C core prints handshake failures to stderr by itself; ours say the same with a reason code.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    module = importlib.import_module("pymilvus")
    for name in ("pymilvus", "pymilvus.milvus_client"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    return module


def _close(client: Any) -> None:
    """Close without a word: the connection is gone either way."""
    if client is None:
        return
    try:
        client.close()
    except Exception:  # noqa: BLE001 pymilvus raises what it likes here
        return


def _status_names(error: BaseException) -> frozenset[str]:
    """The gRPC statuses of `error` and of what caused it: pymilvus wraps some errors and raises others bare."""
    names: set[str] = set()
    link: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        code = getattr(link, "code", None)
        name = getattr(code() if callable(code) else code, "name", None)
        if isinstance(name, str):
            names.add(name)
        if link is None:
            break
        # pymilvus writes `raise e from e`, which makes an error its own cause and hides the real one.
        link = link.__context__ if link.__cause__ is link else link.__cause__
    return frozenset(names)


def _is_disconnected(error: BaseException) -> bool:
    """Whether the channel is useless. After a timeout or a busy answer other threads still use it."""
    names = _status_names(error)
    return bool(names & {"UNAVAILABLE", "CANCELLED"}) or (not names and _milvus_code(error) in {None, _CONNECT_FAILED})


def _milvus_code(error: BaseException) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _failure(error: Exception, place: str) -> StaitheError:
    """`error` as one of ours; only the code of the foreign error is kept."""
    names, code = _status_names(error), _milvus_code(error)
    if names & {"UNAUTHENTICATED", "PERMISSION_DENIED"} or code in _DENIED_CODES:
        return AccessDenied(f"Milvus refused {place}", reason_code="MILVUS_DENIED")
    if code in _MISSING_COLLECTION:
        return Unavailable(f"the collection for {place} does not exist yet", reason_code="MILVUS_NOT_PREPARED")
    if code == _NOT_LOADED:
        return Unavailable(f"the collection for {place} is not loaded", reason_code="MILVUS_NOT_LOADED")
    if code in _REFUSED_CODES or "INVALID_ARGUMENT" in names:
        return InvalidEvent(f"Milvus refused the values of {place}", reason_code="MILVUS_VALUES_REFUSED")
    if names or code is None or code in _TRANSIENT_CODES:
        kind = min(names) if names else code if code is not None else type(error).__name__
        return Unavailable(f"Milvus did not answer {place} ({kind})", reason_code="MILVUS_UNAVAILABLE")
    return Integrity(f"Milvus failed {place} with code {code}", reason_code="MILVUS_FAILED")
