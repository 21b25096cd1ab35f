"""How the stack starts, waits for and stops a process: one description, the same for Java and Python programs."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.stack.limits import LOG_BYTES_MAX, LOG_TAIL_BYTES, LOG_TAIL_LINES, READY_POLL_S

_LAUNCH: Final = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class ProcessSpec:
    """One process of the stack.

    `argv[0]` is an absolute path. `env` is the whole environment: nothing is inherited. `ready` may block for
    PROBE_TIMEOUT_S and never raises. Output and errors are appended to `log_path` (mode 0600).
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log_path: Path
    ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0


def spawn(spec: ProcessSpec, *, outlives_thread: bool = True) -> subprocess.Popen[bytes]:
    """Start the process in a session of its own. On Linux it is killed when this process dies, however that happens.

    The kernel ties the child's life to the *thread* that started it: call from the main thread, or with
    `outlives_thread=False` from a worker thread that stops the child before it ends itself. On other systems than
    Linux a killed supervisor leaves its children. Raises ConfigurationError when program or log cannot be opened.
    """
    if outlives_thread and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn must run in the main thread")
    if not os.access(spec.argv[0], os.X_OK):
        raise ConfigurationError(
            f"cannot run {spec.argv[0]} for {spec.name}: install the stack again", reason_code="PROGRAM_NOT_EXECUTABLE"
        )
    log = _open_log(spec.log_path)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *spec.argv],
            env=dict(spec.env),
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot start {spec.name} ({error.strerror}); run `staithe doctor`", reason_code="PROCESS_NOT_STARTED"
        ) from error
    finally:
        os.close(log)


def wait_ready(process: subprocess.Popen[bytes], spec: ProcessSpec, timeout_s: float) -> float:
    """Block until the process answers; returns the seconds it took. May run in any thread.

    Raises Unavailable with the last lines of the log when the process ends or `timeout_s` passes; it is not stopped.
    """
    start = time.monotonic()
    while True:
        code = process.poll()
        if code is not None:
            raise Unavailable(
                f"{spec.name} ended with {_exit_words(code)} before it was ready; {_log_words(spec)}",
                reason_code="PROCESS_ENDED",
            )
        if spec.ready():
            return time.monotonic() - start
        if time.monotonic() - start > timeout_s:
            raise Unavailable(
                f"{spec.name} was not ready after {timeout_s:.0f} s; {_log_words(spec)}",
                reason_code="PROCESS_NOT_READY",
            )
        time.sleep(READY_POLL_S)


def stop(process: subprocess.Popen[bytes], spec: ProcessSpec) -> int:
    """End the process and everything it started: its stop signal first, SIGKILL after `stop_timeout_s`.

    Returns the exit code (negative: the signal that ended it). Safe to call again.
    """
    if process.returncode is not None:
        return process.returncode
    _signal_group(process, spec.stop_signal)
    deadline = time.monotonic() + spec.stop_timeout_s
    while not _has_ended(process) and time.monotonic() < deadline:
        time.sleep(READY_POLL_S)
    # The leader is not reaped yet, so its group's number cannot belong to anybody else.
    _signal_group(process, signal.SIGKILL)
    return process.wait()


def log_tail(path: Path) -> str:
    """The last LOG_TAIL_LINES of a log, or an empty string when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_TAIL_BYTES))
            text = file.read(LOG_TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the leader has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # another thread's poll() was faster


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group of which only the dead leader is left.
        return


def _open_log(path: Path) -> int:
    try:
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_name(f"{path.name}.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the log {path} ({error.strerror})", reason_code="LOG_UNWRITABLE"
        ) from error


def _exit_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _log_words(spec: ProcessSpec) -> str:
    tail = log_tail(spec.log_path)
    return f"last lines of {spec.log_path}:\n{tail}" if tail else f"its log {spec.log_path} is empty"


def is_alive(pid: int) -> bool:
    """Whether there is such a process, ended ones that nobody has reaped aside."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(pid: int, timeout_s: float) -> bool:
    """Block until the process has ended; False when it is still there after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(READY_POLL_S)
    return True
