"""Starting, waiting and stopping, with small real processes: nothing may be left behind."""

import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.stack.processes import ProcessSpec, log_tail, spawn, stop, wait_ready

WAIT_S = 20.0
"""Generous: a loaded machine is no failure."""


def spec_of(tmp_path: Path, code: str, *, ready: Callable[[], bool] = lambda: True) -> ProcessSpec:
    return ProcessSpec(
        name="example",
        argv=(sys.executable, "-I", "-S", "-c", textwrap.dedent(code)),
        env={"ONLY": "this"},
        cwd=tmp_path,
        log_path=tmp_path / "example.log",
        ready=ready,
        stop_timeout_s=0.3,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)


def test_child_sees_only_the_given_environment_and_makes_private_files(tmp_path: Path) -> None:
    code = "import os; print(sorted(k for k in os.environ if k != 'LC_CTYPE')); open('made', 'w').close()"
    spec = spec_of(tmp_path, code)
    spawn(spec).wait(WAIT_S)
    assert spec.log_path.read_text() == "['ONLY']\n"
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
    assert stat.S_IMODE(spec.log_path.stat().st_mode) == 0o600


def test_ready_process_is_waited_for_and_stopped(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "open('ready', 'w'); import signal; signal.pause()", ready=(tmp_path / "ready").exists)
    process = spawn(spec)
    assert wait_ready(process, spec, WAIT_S) < WAIT_S
    assert stop(process, spec) == -signal.SIGTERM
    assert stop(process, spec) == -signal.SIGTERM


def test_process_that_ends_before_it_is_ready_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "import sys; print('the reason'); sys.exit(3)", ready=lambda: False)
    with pytest.raises(Unavailable, match="exit code 3") as failure:
        wait_ready(spawn(spec), spec, WAIT_S)
    assert failure.value.reason_code == "PROCESS_ENDED"
    assert "the reason" in failure.value.message


def test_process_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "import signal; signal.pause()", ready=lambda: False)
    process = spawn(spec)
    with pytest.raises(Unavailable) as failure:
        wait_ready(process, spec, 0.1)
    assert failure.value.reason_code == "PROCESS_NOT_READY"
    stop(process, spec)


def test_process_that_ignores_its_stop_signal_is_killed(tmp_path: Path) -> None:
    code = """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open('ready', 'w')
        while True: signal.pause()
        """
    spec = spec_of(tmp_path, code, ready=(tmp_path / "ready").exists)
    process = spawn(spec)
    wait_ready(process, spec, WAIT_S)
    assert stop(process, spec) == -signal.SIGKILL


def test_grandchildren_end_with_the_process(tmp_path: Path) -> None:
    code = """
        import os, signal
        child = os.fork()
        if child:
            open('child.tmp', 'w').write(str(child)); os.rename('child.tmp', 'child')
        else:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: signal.pause()
        """
    spec = spec_of(tmp_path, code, ready=(tmp_path / "child").exists)
    process = spawn(spec)
    wait_ready(process, spec, WAIT_S)
    grandchild = int((tmp_path / "child").read_text())
    assert psutil.pid_exists(grandchild)
    stop(process, spec)
    wait_for(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a child to its parent")
def test_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent_code = f"""
        import signal, sys
        from pathlib import Path
        from staithe.stack.processes import ProcessSpec, spawn
        folder = Path({str(tmp_path)!r})
        code = "import signal; open('ready', 'w'); signal.pause()"
        argv = (sys.executable, "-I", "-S", "-c", code)
        spec = ProcessSpec("example", argv, {{}}, folder, folder / "log", lambda: True)
        (folder / "pid.tmp").write_text(str(spawn(spec).pid)); (folder / "pid.tmp").rename(folder / "pid")
        signal.pause()
        """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent_code)])
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "ready").exists())
    child = int((tmp_path / "pid").read_text())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait(WAIT_S)
    wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie")


def test_child_refuses_to_run_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    launch = Path(spawn.__code__.co_filename).with_name("launch.py")
    result = subprocess.run(
        [sys.executable, "-I", "-S", str(launch), "1", "/bin/touch", str(tmp_path / "ran")],
        capture_output=True,
        check=False,
        timeout=WAIT_S,
    )
    assert result.returncode == 1
    assert not (tmp_path / "ran").exists()


def test_long_lived_child_of_a_worker_thread_is_refused(tmp_path: Path) -> None:
    refused: list[RuntimeError] = []

    def attempt() -> None:
        try:
            spawn(spec_of(tmp_path, ""))
        except RuntimeError as error:
            refused.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(WAIT_S)
    assert len(refused) == 1


def test_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    spec = ProcessSpec("example", (str(tmp_path / "absent"),), {}, tmp_path, tmp_path / "log", lambda: True)
    with pytest.raises(ConfigurationError, match="absent") as refusal:
        spawn(spec)
    assert refusal.value.reason_code == "PROGRAM_NOT_EXECUTABLE"


def test_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    spec = spec_of(tmp_path, "")
    spec.log_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError) as refusal:
        spawn(spec)
    assert refusal.value.reason_code == "LOG_UNWRITABLE"


def test_log_tail_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100_000 + b"\n" + b"".join(b"line %d\n" % number for number in range(50)))
    assert log_tail(path).splitlines() == [f"line {number}" for number in range(38, 50)]
    assert log_tail(tmp_path / "absent") == ""
    assert path.stat().st_size > 100_000
