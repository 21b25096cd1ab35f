"""Take rights away from the child, in two steps: once at its start, and again in the process of each document.

Each step says what is in force; nothing is claimed that the kernel did not grant. On systems without a control
(macOS has no seccomp and no namespaces) the name is missing from the list, and the parent decides.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Final

from staithe.ingestion.parsers import limits, seccomp

# Names of the controls, as reported to operators.
SECCOMP: Final = "seccomp-allow-list"
NETWORK_NAMESPACE: Final = "network-namespace"
NO_NEW_PRIVILEGES: Final = "no-new-privileges"
NOT_DUMPABLE: Final = "not-dumpable"
MEMORY_LIMIT: Final = "memory-limit"
CPU_LIMIT: Final = "cpu-limit"
NO_FILE_WRITES: Final = "no-file-writes"
DESCRIPTOR_LIMIT: Final = "descriptor-limit"
NO_CORE: Final = "no-core"
PROCESS_PER_DOCUMENT: Final = "process-per-document"

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_AF_INET, _SOCK_STREAM = 2, 1
_LINUX: Final = sys.platform == "linux"


class Confinement:
    """Holds what the second step needs ready, for after the filter nothing can be looked up or opened."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._filter = seccomp.program() if seccomp.supported() else None

    def enter(self) -> list[str]:
        """First step, at the child's start, while it is single-threaded; returns the controls in force."""
        limited = {
            MEMORY_LIMIT: (resource.RLIMIT_AS, limits.MEMORY_BYTES_MAX),
            NO_FILE_WRITES: (resource.RLIMIT_FSIZE, 0),
            DESCRIPTOR_LIMIT: (resource.RLIMIT_NOFILE, limits.DESCRIPTORS_MAX),
            NO_CORE: (resource.RLIMIT_CORE, 0),
        }
        in_force = [PROCESS_PER_DOCUMENT]
        in_force += [name for name, (kind, value) in limited.items() if _limit(kind, value)]
        if _LINUX:
            if self._libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
                in_force.append(NO_NEW_PRIVILEGES)
            if self._libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0:
                in_force.append(NOT_DUMPABLE)
            if self._leave_network():
                in_force.append(NETWORK_NAMESPACE)
        return in_force

    def close_in(self, server: int) -> list[str]:
        """Second step, in the process of one document; `server` is the process that forked it. Irrevocable."""
        if _LINUX:
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != server:
                os._exit(1)
        signal.setitimer(signal.ITIMER_PROF, limits.CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, limits.ALARM_SECONDS)
        in_force = [CPU_LIMIT] if _limit(resource.RLIMIT_CPU, limits.CPU_SECONDS_MAX) else []
        _limit(resource.RLIMIT_NPROC, 0)  # no effect for root, and fork is filtered anyway
        if self._filter is not None and seccomp.load(self._libc, self._filter) and self._refuses():
            in_force.append(SECCOMP)
        return in_force

    def _leave_network(self) -> bool:
        """An empty network namespace: not even loopback. A user namespace of its own lets an ordinary user do it."""
        both = _CLONE_NEWUSER | _CLONE_NEWNET
        return bool(self._libc.unshare(both) == 0 or self._libc.unshare(_CLONE_NEWNET) == 0)

    def _refuses(self) -> bool:
        """Try what the filter must refuse: a control counts as in force only when it was seen to work."""
        path = b"/"
        return bool(
            self._libc.socket(_AF_INET, _SOCK_STREAM, 0) == -1
            and self._libc.open(path, os.O_RDONLY) == -1
            and self._libc.dup(1) == -1
        )


def _limit(kind: int, value: int) -> bool:
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
        return resource.getrlimit(kind)[0] == bound
    return False
