"""Runs in every child of the stack before its program: dies with its parent, dumps no core, leaves files private.

Started as `python -I -S launch.py PARENT_PID PROGRAM ARGUMENT…`; it replaces itself, so the pid stays. A program of its
own instead of `preexec_fn`, which may deadlock in a parent with threads.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Prepare this process and become the program in `arguments[1:]`; returns only by raising OSError."""
    parent = int(arguments[0])
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # SIGKILL because a child that hangs on a gentler signal would be the orphan this is here to prevent.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            sys.exit("cannot bind this process to its parent")
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(arguments[1], arguments[1:])  # noqa: S606 - to have no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
