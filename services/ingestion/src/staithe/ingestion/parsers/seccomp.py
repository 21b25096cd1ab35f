"""An allow-list of system calls for a parser, as a seccomp filter loaded through prctl; no dependency.

After it a process may compute, use memory, read and write descriptors it already has, and exit. Every other call
(open, socket, connect, execve, fork, kill, ptrace, prctl …) answers EPERM, so that libraries take their fallbacks
instead of dying. Memory can no longer be made executable. Kernel's seccomp(2); BPF as in linux/filter.h.
"""

import ctypes
import errno
import platform
import struct
import sys
from typing import Final

# One tuple a call: (x86-64 number, aarch64 number), from the kernel's syscall tables.
_CALLS: Final = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sched_yield": (24, 124),
    "mremap": (25, 216), "madvise": (28, 233), "getpid": (39, 172), "exit": (60, 93), "gettimeofday": (96, 169),
    "sigaltstack": (131, 132), "gettid": (186, 178), "futex": (202, 98), "restart_syscall": (219, 128),
    "clock_gettime": (228, 113), "exit_group": (231, 94), "getrandom": (318, 278),
}  # fmt: skip
# Allowed unless they ask for executable memory (their third argument).
_MEMORY_CALLS: Final = {"mmap": (9, 222), "mprotect": (10, 226)}
# machine → (column above, AUDIT_ARCH of linux/audit.h)
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_LOAD_WORD, _JUMP_EQUAL, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGUMENT_2 = 0, 4, 32  # struct seccomp_data, little endian
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_PROT_EXEC: Final = 4
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def supported() -> bool:
    """True where this module knows the call numbers; whether the kernel agrees shows only when loading."""
    return sys.platform == "linux" and platform.machine() in _MACHINES and sys.maxsize > 2**32


def program() -> bytes:
    """The filter for this machine: check the architecture, then the number, then the protection bits."""
    column, architecture = _MACHINES[platform.machine()]
    plain = [numbers[column] for numbers in _CALLS.values()]
    memory = [numbers[column] for numbers in _MEMORY_CALLS.values()]
    count = len(plain) + len(memory)
    # After the comparisons come, in this order: refuse, allow, and the check of protection bits.
    lines = [
        (_LOAD_WORD, 0, 0, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD_WORD, 0, 0, _OFFSET_NUMBER),
    ]
    for place, number in enumerate(plain + memory):
        after = count - place - 1
        lines.append((_JUMP_EQUAL, after + (1 if number in plain else 2), 0, number))
    lines += [
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD_WORD, 0, 0, _OFFSET_ARGUMENT_2),
        (_JUMP_BITS, 0, 1, _PROT_EXEC),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def load(libc: ctypes.CDLL, instructions: bytes) -> bool:
    """Put the filter on this process for good; False if the kernel refuses. All imports must be done by then."""
    descriptor = _Program(len(instructions) // 8, instructions)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(descriptor), 0, 0) == 0)
