"""A stack as a user has it: a `staithe up` of its own, in a folder and on ports of its own, driven by the command."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from staithe.cli.local import LocalStack, Who
from staithe.kernel.tls import client_context
from staithe.stack.bringup import StackChoice
from staithe.stack.layout import StackPaths
from staithe.stack.ports import MILVUS_INTERNAL_OFFSETS, StackPorts, find_free, is_free
from staithe.stack.processes import log_tail

REPOSITORY: Final = Path(__file__).parents[2]
SERVICES: Final = ("keys", "ingestion", "sanitization", "embedding", "indexing", "audit", "query")
FOUNDATIONS: Final = ("broker", "registry", "milvus", "issuer")
UP_SECONDS_MAX: Final = 200.0
STOP_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.1


def free_ports() -> StackPorts:
    """A base on which a whole stack fits, Milvus's internal ports included."""
    for _ in range(20):
        ports = find_free(StackPorts().named)
        if all(is_free(ports.base + offset) for offset in MILVUS_INTERNAL_OFFSETS):
            return ports
    raise AssertionError("no free port base")


def free_port() -> int:
    """A port of 127.0.0.1 for one process, away from those of whole stacks and of outgoing connections."""
    for port in random.sample(range(16_000, 20_000), 100):
        if is_free(port):
            return port
    raise AssertionError("no free port")


class LiveStack:
    """One stack. Everything blocks."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.ports = kind, folder, free_ports()
        self.paths = StackPaths(folder)
        self.settings: dict[str, str] = {}
        """More of the environment of `staithe up`, from the next start on."""
        self.up_log = folder.parent / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For every `staithe` command on this stack."""
        own = {
            "STAITHE_STACK_FOLDER": str(self.folder), "STAITHE_STACK_PORT_BASE": str(self.ports.base),
            "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb",
        }  # fmt: skip
        return {**os.environ, **own, **self.settings}

    @property
    def supervisor_pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """`staithe up`, until `staithe status` says that all ten processes are ready."""
        with self.up_log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "staithe.cli", "up", "--milvus", self.kind], cwd=REPOSITORY,
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + UP_SECONDS_MAX
        while not self._announced_up():
            assert self._process.poll() is None, f"`staithe up` ended early\n{self.log_tails()}"
            assert time.monotonic() < deadline, f"not up in {UP_SECONDS_MAX} s\n{self.log_tails()}"
            time.sleep(POLL_SECONDS)
        self.wait_ready(deadline - time.monotonic())

    def _announced_up(self) -> bool:
        """Whether this start's process names the API's address, which it does last."""
        state = self.state()
        mine = bool(state) and state["supervisor_pid"] == self.supervisor_pid
        return mine and f"127.0.0.1:{self.ports.of('query')}" in self.up_log.read_text(errors="replace")

    def wait_ready(self, seconds: float) -> list[dict[str, Any]]:
        """The rows of `staithe status --json` once it exits 0 with every process ready."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.cli("status", "--json")
            if answer.returncode == 0:
                rows: list[dict[str, Any]] = json.loads(answer.stdout)
                assert {row["process"] for row in rows} == {*SERVICES, *FOUNDATIONS}
                return rows
            assert time.monotonic() < deadline, f"not ready: {answer.stdout}{answer.stderr}\n{self.log_tails()}"

    def state(self) -> dict[str, Any]:
        """What the supervisor has written down, or nothing."""
        try:
            state: dict[str, Any] = json.loads(self.paths.state.read_text())
        except FileNotFoundError:
            return {}
        return state

    def pid_of(self, name: str) -> int:
        """The pid of a process of the stack that is alive now."""
        pid: int = self.state()["processes"][name]["pid"]
        assert pid, name
        return pid

    def cli(
        self, *arguments: str, seconds: float = 240.0, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `staithe …` on this stack from the repository; `more` goes to the environment."""
        return subprocess.run(
            [sys.executable, "-m", "staithe.cli", *arguments], cwd=REPOSITORY, env={**self.environment, **(more or {})},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def cli_json(self, *arguments: str, seconds: float = 240.0) -> Any:
        """The JSON that `staithe … --json` prints; fails with its words when it does not exit 0."""
        answer = self.cli(*arguments, "--json", seconds=seconds)
        assert answer.returncode == 0, f"{arguments}: {answer.returncode} {answer.stderr}\n{answer.stdout[-2000:]}"
        return json.loads(answer.stdout)

    def local(self) -> LocalStack:
        """The stack's addresses, keys and tokens."""
        return LocalStack(StackChoice(REPOSITORY, self.folder, self.ports, self.kind == "server"))

    def client(self, service: str, who: Who | None, *, token: str | None = None) -> httpx.Client:
        """An HTTPS client of `query` or `ingestion`, as somebody, as nobody, or with a token of your own."""
        local = self.local()
        bearer = token if token is not None else local.token(who) if who is not None else None
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return httpx.Client(
            base_url=local.url(service), verify=client_context(self.paths.services_authority), timeout=30.0,
            headers=headers, trust_env=False,
        )  # fmt: skip

    def family(self) -> list[psutil.Process]:
        """The supervisor and everything below it, and every process that works in the stack's folder."""
        family: set[psutil.Process] = set()
        with contextlib.suppress(psutil.NoSuchProcess):
            family |= set(psutil.Process(self.supervisor_pid).children(recursive=True))
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if Path(process.cwd()).is_relative_to(self.folder):
                    family.add(process)
        return sorted(family, key=lambda each: each.pid)

    def stop(self) -> int:
        """SIGTERM to `staithe up`; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """kill -9 of the supervisor, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def exposed_files(self) -> list[str]:
        """Files and folders of the stack that somebody else than its owner could open."""
        # Vert.x sets the mode of an empty scratch folder itself; its parent is private like every other folder.
        exposed = []
        for path in (self.folder, *self.folder.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # a working stack's own temporary files come and go
                if path.lstat().st_mode & 0o077 and path.name != "vertx-cache" and not path.is_symlink():
                    exposed.append(str(path.relative_to(self.folder)))
        return exposed

    def log_tails(self) -> str:
        """The last lines of every log, and of `staithe up` itself."""
        logs = [self.up_log, *sorted(self.paths.logs.glob("*.log"))]
        return "\n".join(f"--- {path.name}\n{log_tail(path)}" for path in logs)
