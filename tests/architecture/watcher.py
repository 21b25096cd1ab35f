"""Imports the modules named as arguments, one by one, and prints as JSON what each import did besides defining names.

Runs in a process of its own: an import happens only once, and its effects must not reach the tests.
"""

import importlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACTS = frozenset(
    {"socket.connect", "socket.bind", "subprocess.Popen", "os.exec", "os.fork", "os.mkdir", "os.remove", "os.rename"}
)


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())


def open_files() -> list[str]:
    """Files and sockets this process holds, without devices and libraries' shared memory."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names vanish while one looks
        try:
            target = str(Path(f"/proc/self/fd/{name}").readlink())
        except OSError:
            continue
        if target.startswith("socket:") or (target.startswith("/") and not target.startswith(("/dev/", "/proc/"))):
            found.append(target)
    return sorted(found)


def state() -> dict[str, Any]:
    return {"environment": dict(os.environ), "threads": threads(), "open files": open_files()}


def opens_for_writing(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if not isinstance(path, str | bytes) or os.fsdecode(path).startswith("/dev/"):
        return False
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def main(modules: list[str]) -> None:
    acts: set[str] = set()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ACTS:
            acts.add(event)
        elif event == "open" and opens_for_writing(arguments):
            acts.add("open for writing")

    sys.addaudithook(watch)
    effects: dict[str, list[str]] = {}
    before = state()
    for name in modules:
        acts.clear()
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - also SystemExit: a module must be importable
            effects[name] = [f"cannot be imported: {type(error).__name__}: {error}"]
            continue
        found = sorted(acts)
        after = state()
        found += [
            f"{kind} changed: {difference(before[kind], after[kind])}" for kind in after if before[kind] != after[kind]
        ]
        before = after
        if found:
            effects[name] = found
    sys.stdout.write(json.dumps(effects) + "\n")


def difference(before: Any, after: Any) -> list[str]:
    """Names only; values could be anything."""
    if isinstance(after, Mapping):
        return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return sorted(set(after) ^ set(before))


if __name__ == "__main__":
    main(sys.argv[1:])
