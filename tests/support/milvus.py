"""Real Milvus servers of both kinds, started as the local stack starts them."""

import os
import socket
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.stack.layout import StackPaths, prepare_stack
from staithe.stack.milvus_enclosure import require_namespaces
from staithe.stack.milvus_lite import milvus_lite_process
from staithe.stack.milvus_server import ADMIN, milvus_server_address, milvus_server_process, provision
from staithe.stack.milvus_wheel import ensure_server
from staithe.stack.ports import HOST, StackPorts
from staithe.stack.processes import ProcessSpec, spawn, stop, wait_ready
from staithe.vectors.store import MilvusAddress, MilvusConnection, prepare_collection

DIGEST = bytes(range(32))
REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "milvus-server.txt"


@dataclass
class Milvus:
    """A running server and how to reach it as each principal."""

    kind: str
    paths: StackPaths
    ports: StackPorts
    spec: ProcessSpec
    process: subprocess.Popen[bytes]

    def address(self, principal: str) -> MilvusAddress:
        if self.kind == "lite":
            return MilvusAddress(uri=f"http://{HOST}:{self.ports.of('milvus')}")
        return milvus_server_address(self.paths, self.ports, principal)

    def prepare(self) -> None:
        if self.kind == "lite":
            connection = MilvusConnection(self.address(ADMIN))
            prepare_collection(connection, DIGEST)
            connection.close()
        else:
            provision(self.paths, self.ports, DIGEST)

    def kill(self) -> None:
        """kill -9, with everything it started."""
        os.killpg(self.process.pid, 9)
        self.process.wait()

    def start(self) -> None:
        self.process = spawn(self.spec)
        wait_ready(self.process, self.spec, 180)


def launch(kind: str, folder: Path) -> Milvus:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        ports = StackPorts(probe.getsockname()[1] - 5)
    paths = prepare_stack(folder / "stack")
    if kind == "lite":
        spec = milvus_lite_process(paths, ports)
    else:
        try:
            require_namespaces()
        except ConfigurationError as error:
            pytest.skip(str(error))
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "staithe"
        spec = milvus_server_process(paths, ports, ensure_server(cache, REQUIREMENTS))
    milvus = Milvus(kind, paths, ports, replace(spec), spawn(spec))
    try:
        wait_ready(milvus.process, spec, 180)
        milvus.prepare()
    except BaseException:
        stop(milvus.process, spec)
        raise
    return milvus
