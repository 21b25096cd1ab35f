"""The ports of a local stack: one base, fixed offsets, all on 127.0.0.1."""

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil

from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.stack.limits import FREE_BASE_ATTEMPTS_MAX

HOST: Final = "127.0.0.1"
BASE_DEFAULT: Final = 24_100
"""Below every usual range of outgoing connections (Linux 32768, macOS 49152): one of those may hold any port above."""
BASE_SETTING: Final = "STAITHE_STACK_PORT_BASE"

_OFFSETS: Final = {
    "kafka_client": 0,
    "kafka_controller": 1,
    "kafka_internal": 2,
    "registry": 3,
    "registry_management": 4,
    "milvus": 5,
    "issuer": 10,
    "ingestion": 11,
    "query": 12,
    "keys": 13,
    "audit": 14,
    "sanitization": 15,
    "ingestion_health": 20,
    "sanitization_health": 21,
    "embedding_health": 22,
    "indexing_health": 23,
    "audit_health": 24,
    "query_health": 25,
    "keys_health": 26,
    "witness_health": 27,
}
MILVUS_INTERNAL_OFFSETS: Final = (6, 7, 8, 9)

_THROWAWAY_BASES: Final = range(20_000, 32_000, 40)
"""Below the ports that Linux and macOS hand out by themselves, away from our default base."""

_BASE_MIN: Final = 1_024
_BASE_MAX: Final = 65_535 - max(_OFFSETS.values())


@dataclass(frozen=True)
class StackPorts:
    """The ports of one stack, each `base` plus a fixed offset."""

    base: int = BASE_DEFAULT

    def __post_init__(self) -> None:
        if not _BASE_MIN <= self.base <= _BASE_MAX:
            raise ConfigurationError(
                f"{BASE_SETTING} must be from {_BASE_MIN} to {_BASE_MAX}", reason_code="PORT_BASE_OUT_OF_RANGE"
            )

    @classmethod
    def from_environment(cls, environment: dict[str, str]) -> "StackPorts":
        """The base from STAITHE_STACK_PORT_BASE, or the default; raises ConfigurationError for anything but a port."""
        text = environment.get(BASE_SETTING, str(BASE_DEFAULT))
        if not (text.isascii() and text.isdigit()):
            raise ConfigurationError(f"{BASE_SETTING} must be a number", reason_code="PORT_BASE_MALFORMED")
        return cls(int(text))

    def of(self, name: str) -> int:
        """The port called `name`; a KeyError is a bug of the caller."""
        return self.base + _OFFSETS[name]

    @property
    def milvus_internal(self) -> tuple[int, ...]:
        """Ports that Milvus opens for itself."""
        return tuple(self.base + offset for offset in MILVUS_INTERNAL_OFFSETS)

    @property
    def named(self) -> dict[str, int]:
        """Every port by its name, without Milvus's internal ones."""
        return {name: self.of(name) for name in _OFFSETS}


def refuse_busy(ports: dict[str, int]) -> None:
    """Return when each of `ports` (name → number) can be bound on 127.0.0.1.

    Raises ConfigurationError naming the first busy one, the process that holds it where the system tells, and the
    setting to change.
    """
    for name, port in ports.items():
        if not is_free(port):
            raise ConfigurationError(
                f"port {port} for {name} is in use by {holder_of(port)}; stop that process or set {BASE_SETTING} "
                f"to another base",
                reason_code="PORT_BUSY",
            )


def find_free(names: Iterable[str]) -> StackPorts:
    """A random base whose ports `names` are free now: for throwaway stacks of trainings and tests.

    Raises Unavailable when FREE_BASE_ATTEMPTS_MAX tries found none.
    """
    wanted = tuple(names)
    for base in random.sample(_THROWAWAY_BASES, FREE_BASE_ATTEMPTS_MAX):
        ports = StackPorts(base)
        if all(is_free(ports.of(name)) for name in wanted):
            return ports
    raise Unavailable("found no free ports for a throwaway stack", reason_code="PORT_BUSY")


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this a port whose last connections wait in TIME_WAIT looks busy, although servers can bind it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Who holds `port`, in words: name and pid, or that another user's process does."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process that this user may not see"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "a process that this user may not see"
