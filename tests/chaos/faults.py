"""Ways to hurt a running stack, each undone at the end. They act on processes, the network and disks, never on code.

Partitions, latency and full disks need namespaces of their own (`in_namespaces`), so that nothing else on the machine
feels them: the whole run, stack included, lives in one network and one mount namespace.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
import psutil
from support.live import LiveStack

PROXY_USER: Final = 65_534
"""The proxy's own connections must not be sent through the proxy again: rules tell them by their user."""
PROXY_API_PORT: Final = 8474
PROXY_OFFSET: Final = 10_000
START_SECONDS_MAX: Final = 10.0
DUTY_SECONDS: Final = 0.5
CLOCK_SOURCE: Final = Path(__file__).parent / "clock.c"
BALLAST: Final = "ballast"


def in_namespaces() -> bool:
    """Whether this process lives in the namespaces that `enter_namespaces` makes."""
    return os.environ.get("STAITHE_CHAOS_INSIDE") == "1"


def enter_namespaces(argv: list[str]) -> int | None:
    """Run `argv` in a network and a mount namespace of its own; its exit code, or None where that is not possible."""
    tools = [shutil.which(name) for name in ("unshare", "ip", "nft", "mount")]
    if os.geteuid() != 0 or None in tools:
        return None
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]
    command = ["unshare", "--net", "--mount", "--propagation", "private", *inside]
    return subprocess.run(command, env={**os.environ, "STAITHE_CHAOS_INSIDE": "1"}, check=False).returncode


def kill(live: LiveStack, name: str) -> None:
    """kill -9 of one process of the stack."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(live.pid_of(name), signal.SIGKILL)


@contextlib.contextmanager
def frozen(live: LiveStack, name: str) -> Iterator[None]:
    """The process stands still: its connections stay open and nothing answers, as behind a cut cable."""
    process = psutil.Process(live.pid_of(name))
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def crawl(live: LiveStack, name: str, seconds: float, share: float) -> int:
    """Let the process run only `share` of the time; returns the most memory it held meanwhile, in bytes."""
    process, end, most = psutil.Process(live.pid_of(name)), time.monotonic() + seconds, 0
    with contextlib.suppress(psutil.NoSuchProcess):
        try:
            while time.monotonic() < end:
                process.suspend()
                time.sleep(DUTY_SECONDS * (1 - share))
                process.resume()
                time.sleep(DUTY_SECONDS * share)
                most = max(most, process.memory_info().rss)
        finally:
            process.resume()
    return most


@contextlib.contextmanager
def partition(port: int) -> Iterator[None]:
    """No packet to or from a port arrives: connections hang, as they do when a network breaks in two."""
    _nft("add table ip chaos", "add chain ip chaos cut { type filter hook output priority 0 ; }")
    try:
        _nft(f"add rule ip chaos cut tcp dport {port} drop", f"add rule ip chaos cut tcp sport {port} drop")
        yield
    finally:
        _nft("delete table ip chaos")


@contextlib.contextmanager
def latency(program: Path, port: int, milliseconds: int) -> Iterator[None]:
    """Every new connection to a port goes through a proxy that delays each direction's bytes by `milliseconds`.

    Connections that are open already are cut once, so that they come again through the proxy.
    """
    place = Path(tempfile.mkdtemp(prefix="chaos-proxy-"))
    place.chmod(0o755)  # its user owns nothing and must be able to start it
    program = Path(shutil.copy(program, place / "proxy"))
    proxy = subprocess.Popen(
        [program, "-host", "127.0.0.1", "-port", str(PROXY_API_PORT)], user=PROXY_USER, cwd="/",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _configure(port, milliseconds)
        _nft(
            "add table ip chaos",
            "add chain ip chaos detour { type nat hook output priority -100 ; }",
            f"add rule ip chaos detour tcp dport {port} meta skuid != {PROXY_USER} redirect to :{port + PROXY_OFFSET}",
            # What was sent on a detour has another port by now: this cuts only the connections that were open before.
            "add chain ip chaos cut { type filter hook output priority 0 ; }",
            f"add rule ip chaos cut tcp dport {port} meta skuid != {PROXY_USER} reject with tcp reset",
        )
        yield
    finally:
        _nft("delete table ip chaos", check=False)
        proxy.kill()
        proxy.wait()
        shutil.rmtree(place)


def _configure(port: int, milliseconds: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with httpx.Client(base_url=f"http://127.0.0.1:{PROXY_API_PORT}", trust_env=False) as api:
        while True:
            try:
                upstream = {
                    "name": "edge",
                    "listen": f"127.0.0.1:{port + PROXY_OFFSET}",
                    "upstream": f"127.0.0.1:{port}",
                }
                api.post("/proxies", json=upstream).raise_for_status()
                break
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        for stream in ("upstream", "downstream"):
            toxic = {"type": "latency", "stream": stream, "attributes": {"latency": milliseconds}}
            api.post("/proxies/edge/toxics", json=toxic).raise_for_status()


def small_disk(folder: Path, mebibytes: int) -> None:
    """Put a disk of its own under `folder`; it goes with the mount namespace."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = f"size={mebibytes}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def remove_disk(folder: Path) -> None:
    """Take the disk away, so that the folder can be removed; lazily, for something may still be dying in it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """The disk under `folder` has no byte left."""
    ballast = folder / BALLAST
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        ballast.unlink()


def clock_off_by(hours: int, folder: Path) -> dict[str, str]:
    """The environment in which a process's wall clock is `hours` off; waits are left alone. Built in `folder`."""
    library = folder / "clock.so"
    if not library.exists():
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(CLOCK_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "STAITHE_CHAOS_CLOCK": str(hours * 3600)}


def second_replica(
    live: LiveStack, name: str, port: int, more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A second process of a service beside the first, as replica 1 with the first one's settings and `more`."""
    first = psutil.Process(live.pid_of(name))
    prefix = f"STAITHE_{name.upper()}_"
    own = {f"{prefix}REPLICA": "1", f"{prefix}HEALTH_PORT": str(port), f"{prefix}HTTPS_PORT": str(port + 1)}
    settings = {key: value for key, value in first.environ().items() if key not in own}
    settings |= {key: value for key, value in own.items() if key in first.environ() or key.endswith("REPLICA")}
    settings |= more or {}
    with (live.paths.logs / f"{name}-1.log").open("ab") as log:
        return subprocess.Popen(
            first.cmdline(), env=settings, cwd=live.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _nft(*rules: str, check: bool = True) -> None:
    for rule in rules:
        subprocess.run(["nft", *rule.split()], check=check, stderr=None if check else subprocess.DEVNULL)
