"""Whether this machine has room for a stack, asked before anything is started."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from staithe.kernel.errors import ConfigurationError
from staithe.stack.limits import DISK_FREE_BYTES_MIN, MEMORY_AVAILABLE_BYTES_MIN

_GIB: Final = 1 << 30


@dataclass(frozen=True)
class Capacity:
    """Free bytes where the stack's state will lie, and bytes of memory that programs can have without swapping."""

    disk_free_bytes: int
    memory_available_bytes: int


def measure(folder: Path) -> Capacity:
    """The capacity for a stack in `folder`, which need not exist yet."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return Capacity(shutil.disk_usage(existing).free, psutil.virtual_memory().available)


def refuse_small(capacity: Capacity, folder: Path) -> None:
    """Return when a stack fits; raise ConfigurationError naming what is short and how much is needed."""
    if capacity.disk_free_bytes < DISK_FREE_BYTES_MIN:
        raise ConfigurationError(
            f"{gib(capacity.disk_free_bytes)} free for {folder}, {gib(DISK_FREE_BYTES_MIN)} needed; free some space",
            reason_code="DISK_TOO_SMALL",
        )
    if capacity.memory_available_bytes < MEMORY_AVAILABLE_BYTES_MIN:
        raise ConfigurationError(
            f"{gib(capacity.memory_available_bytes)} of memory available, {gib(MEMORY_AVAILABLE_BYTES_MIN)} needed; "
            f"close other programs",
            reason_code="MEMORY_TOO_SMALL",
        )


def gib(size_bytes: int) -> str:
    """Bytes in words."""
    return f"{size_bytes / _GIB:.1f} GiB"
