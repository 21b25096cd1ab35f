"""Ahead-of-time caches: a Java program starts in half the time once one throwaway run has been recorded (JEP 514).

The recorded run uses throwaway certificates, passwords and folders: it keeps heap objects and all stacks share it.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from staithe.kernel.errors import Unavailable
from staithe.kernel.files import write_atomically
from staithe.stack.artifacts import file_digest
from staithe.stack.certificates import prepare_certificates
from staithe.stack.java import JavaProgram
from staithe.stack.layout import CachePaths, StackPaths, ensure_private_folder, prepare_stack
from staithe.stack.limits import AOT_TRAINING_TIMEOUT_S
from staithe.stack.ports import StackPorts, find_free
from staithe.stack.processes import ProcessSpec, spawn, stop, wait_ready
from staithe.stack.secrets import ensure_kafka_passwords


def flags_for(program: JavaProgram, cache: CachePaths) -> tuple[str, ...]:
    """The flags that use the program's cache; empty when there is none. A damaged one is removed."""
    path = _cache_file(program, cache)
    digest = path.with_suffix(".sha256")
    if not (path.exists() and digest.exists()):
        return ()
    if file_digest(path) != digest.read_text():
        path.unlink()
        return ()
    return (f"-XX:AOTCache={path}",)


def train(
    program: JavaProgram,
    cache: CachePaths,
    port_names: Iterable[str],
    prepare: Callable[[StackPaths, StackPorts], None],
    describe: Callable[[StackPaths, StackPorts, tuple[str, ...]], ProcessSpec],
) -> None:
    """Run the program once in a throwaway stack until it is ready, stop it, and keep the cache it records.

    Blocks for 10 to 30 s; may run in a worker thread. Raises Unavailable when the run or the recording fails: the
    program works without a cache, so the caller may go on.
    """
    ensure_private_folder(cache.aot)
    with tempfile.TemporaryDirectory(prefix="training-", dir=cache.aot) as folder:
        paths, ports = prepare_stack(Path(folder) / "stack"), find_free(port_names)
        prepare_certificates(paths)
        ensure_kafka_passwords(paths)
        prepare(paths, ports)
        recorded = Path(folder) / "recorded.aot"
        spec = describe(paths, ports, (f"-XX:AOTCacheOutput={recorded}",))
        spec = dataclasses.replace(spec, stop_timeout_s=AOT_TRAINING_TIMEOUT_S)
        process = spawn(spec, outlives_thread=False)
        try:
            wait_ready(process, spec, AOT_TRAINING_TIMEOUT_S)
        finally:
            stop(process, spec)
        if not recorded.exists():
            raise Unavailable(f"no AOT cache came out of a run of {program.name}", reason_code="AOT_NOT_RECORDED")
        target = _cache_file(program, cache)
        for older in cache.aot.glob(f"{program.name}-*"):
            older.unlink()
        write_atomically(target.with_suffix(".sha256"), file_digest(recorded).encode(), mode=0o600)
        recorded.rename(target)


def _cache_file(program: JavaProgram, cache: CachePaths) -> Path:
    return cache.aot / f"{program.name}-{program.identity}.aot"
