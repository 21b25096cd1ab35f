"""The real Milvus 2.3.5 server of the local stack: mutual TLS, users with least rights, and an enclosure around it.

It is the server of `staithe up --milvus server` and of the integration and security tests. Its ports, of which
several ignore authentication, exist only inside a network namespace (see milvus_enclosure); outside there is one
port on 127.0.0.1, behind which mutual TLS is required.
"""

import json
import os
import secrets
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from staithe.kernel.errors import AccessDenied
from staithe.kernel.files import read_password, write_atomically, write_secret
from staithe.stack.layout import StackPaths, ensure_private_folder
from staithe.stack.milvus_enclosure import STOP_SECONDS_MAX, require_namespaces
from staithe.stack.pki import Usage, ensure_authority, ensure_leaf
from staithe.stack.ports import HOST, StackPorts
from staithe.stack.processes import ProcessSpec
from staithe.vectors.store import (
    Grants,
    MilvusAddress,
    MilvusConnection,
    MilvusTls,
    ensure_password,
    grant,
    prepare_collection,
)
from staithe.vectors.store.accounts import ROOT, ROOT_FIRST_PASSWORD

NAME: Final = "milvus"
ADMIN: Final = "milvus-admin"
WRITER: Final = "indexing"
READER: Final = "query"
PASSWORD_FILE: Final = "milvus_password"  # noqa: S105 a file's name
INNER_PORT: Final = 19530
INNER_HEALTH_PORT: Final = 9091
_PROBE_SECONDS: Final = 1.0
_SERVER_NAME: Final = "localhost"


def milvus_server_process(paths: StackPaths, ports: StackPorts, program: Path) -> ProcessSpec:
    """How the stack runs the server whose unpacked tree is `program`; writes certificates and configuration.

    Raises ConfigurationError where network namespaces are not allowed: the server is never started open.
    """
    require_namespaces()
    folder = _write_configuration(paths)
    port = ports.of("milvus")
    return ProcessSpec(
        name=NAME,
        argv=(
            sys.executable,
            "-m",
            "staithe.stack.milvus_enclosure",
            "--door-port",
            str(port),
            "--inner-port",
            str(INNER_PORT),
            "--health-port",
            str(INNER_HEALTH_PORT),
            "--library-path",
            str(program),
            "--",
            str(program / "milvus"),
            "run",
            "standalone",
        ),
        env={
            "PATH": os.defpath,
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(INNER_HEALTH_PORT),
            "MILVUS_RUN_DIR": str(folder / "run"),
        },
        cwd=folder,
        log_path=paths.log_of(NAME),
        ready=tls_ready(port, paths.pki_milvus / "ca.pem"),
        stop_timeout_s=STOP_SECONDS_MAX + 2.0,
    )


def milvus_server_address(paths: StackPaths, ports: StackPorts, principal: str) -> MilvusAddress:
    """Where and as whom `principal` (ADMIN, WRITER or READER) reaches the server."""
    return MilvusAddress(
        uri=f"https://{HOST}:{ports.of('milvus')}",
        user=ROOT if principal == ADMIN else principal,
        password_file=paths.secrets_of(principal) / PASSWORD_FILE,
        tls=_tls(paths, principal),
    )


def provision(paths: StackPaths, ports: StackPorts, model_digest: bytes) -> str:
    """Make the server ready for use and return the collection's name: root's password changed, collection made,
    two users that may do just their work. Idempotent, also after a crash halfway; the server must be running.
    """
    passwords = {principal: _ensure_password_file(paths, principal) for principal in (ADMIN, WRITER, READER)}
    admin = MilvusConnection(milvus_server_address(paths, ports, ADMIN))
    try:
        try:
            collection = prepare_collection(admin, model_digest)
        except AccessDenied:
            _change_first_password(paths, ports, passwords[ADMIN])
            collection = prepare_collection(admin, model_digest)
        for user, grants in ((WRITER, Grants.WRITE), (READER, Grants.READ)):
            grant(admin, user=user, password=passwords[user], collection=collection, grants=grants)
    finally:
        admin.close()
    return collection


def tls_ready(port: int, authority: Path) -> Callable[[], bool]:
    """A probe that is true when a server with a certificate of `authority` answers over TLS; it never raises."""

    def ready() -> bool:
        try:
            context = ssl.create_default_context(cafile=authority)
            with (
                socket.create_connection((HOST, port), timeout=_PROBE_SECONDS) as raw,
                context.wrap_socket(raw, server_hostname=_SERVER_NAME),
            ):
                return True
        except OSError:
            return False

    return ready


def _change_first_password(paths: StackPaths, ports: StackPorts, password: str) -> None:
    """The new password is in its file already, so a crash after the change locks nobody out."""
    first = paths.secrets_of(ADMIN) / "milvus_first_password"
    write_secret(first, ROOT_FIRST_PASSWORD.encode())
    address = MilvusAddress(
        uri=f"https://{HOST}:{ports.of('milvus')}", user=ROOT, password_file=first, tls=_tls(paths, ADMIN)
    )
    connection = MilvusConnection(address)
    try:
        ensure_password(connection, ROOT, ROOT_FIRST_PASSWORD, password)
    finally:
        connection.close()
        first.unlink()


def _ensure_password_file(paths: StackPaths, principal: str) -> str:
    folder = paths.secrets_of(principal)
    ensure_private_folder(folder)
    file = folder / PASSWORD_FILE
    if not file.exists():
        write_secret(file, secrets.token_urlsafe(32).encode())
    return read_password(file)


def _tls(paths: StackPaths, principal: str) -> MilvusTls:
    """Trusts the server's own certificate, not its authority: gRPC's BoringSSL refuses every chain with an
    authority that is constrained to IP addresses, and a pinned certificate admits no other server at all."""
    return MilvusTls(
        trusted=paths.pki_milvus / "server.pem",
        certificate=paths.pki_milvus / f"{principal}.pem",
        key=paths.pki_milvus / f"{principal}.key",
        server_name=_SERVER_NAME,
    )


def _write_configuration(paths: StackPaths) -> Path:
    """Certificates and `configs/milvus.yaml`; ports are fixed because the namespace holds nothing else."""
    pki = paths.pki_milvus
    authority = ensure_authority(pki, common_name="Staithe Milvus")
    server = ensure_leaf(authority, pki, "server", usage=Usage.SERVER)
    for principal in (ADMIN, WRITER, READER):
        ensure_leaf(authority, pki, principal, usage=Usage.CLIENT)
    folder = paths.milvus / "server"
    for part in (folder, folder / "configs", folder / "data", folder / "logs"):
        ensure_private_folder(part)
    loopback = {"ip": HOST}
    settings = {
        "etcd": {
            "endpoints": f"{HOST}:2379",
            "rootPath": "staithe",
            "use": {"embed": True},
            "data": {"dir": str(folder / "data" / "etcd")},
            "log": {"level": "warn", "path": str(folder / "logs" / "etcd.log")},
        },
        "metastore": {"type": "etcd"},
        "localStorage": {"path": str(folder / "data" / "files")},
        "mq": {"type": "rocksmq"},
        "rocksmq": {"path": str(folder / "data" / "rocksmq")},
        "rootCoord": loopback | {"port": 53100},
        "proxy": loopback | {"port": INNER_PORT, "internalPort": 19529, "http": {"enabled": False}},
        "queryCoord": loopback | {"port": 19531},
        "queryNode": loopback | {"port": 21123},
        "indexNode": loopback | {"port": 21121},
        "dataCoord": loopback | {"port": 13333},
        "dataNode": loopback | {"port": 21124},
        "log": {"level": "warn", "stdout": True},
        "tls": {
            "serverPemPath": str(server.certificate),
            "serverKeyPath": str(server.key),
            "caPemPath": str(authority.files.certificate),
        },
        "common": {"storageType": "local", "security": {"authorizationEnabled": True, "tlsMode": 2}},
    }
    # JSON is YAML, and cannot be broken by a colon or a hash in a path.
    write_atomically(folder / "configs" / "milvus.yaml", json.dumps(settings, indent=1).encode(), mode=0o600)
    write_atomically(folder / "configs" / "glog.conf", b"--logtostderr=true\n--minloglevel=1\n", mode=0o600)
    return folder
