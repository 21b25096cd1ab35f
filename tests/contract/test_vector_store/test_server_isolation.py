"""The Milvus server is reached by mutual TLS on one port of 127.0.0.1 only, and each user does what they may."""

import os
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.vocabulary import Access, ChunkId, Classification, DocumentId, TenantId, Tier
from staithe.stack.milvus_server import provision
from staithe.vectors.store import (
    ChunkRow,
    Equals,
    Field,
    MilvusConnection,
    MilvusIndexReader,
    MilvusIndexWriter,
    collection_name,
)
from staithe.vectors.store.schema import to_columns

DIGEST = bytes(range(32))
pytestmark = pytest.mark.stack


def _port(server) -> int:
    return server.ports.of("milvus")


def _processes(server) -> list[psutil.Process]:
    enclosure = psutil.Process(server.process.pid)
    return [enclosure, *enclosure.children(recursive=True)]


def test_the_only_host_listener_is_the_door_on_loopback(server) -> None:
    pids = {process.pid for process in _processes(server)}
    assert len(pids) >= 2
    listeners = [c for c in psutil.net_connections("all") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert [tuple(c.laddr) for c in listeners] == [("127.0.0.1", _port(server))]


def test_the_server_runs_in_another_network_namespace(server) -> None:
    ours = Path("/proc/self/ns/net").readlink()
    assert all(Path(f"/proc/{process.pid}/ns/net").readlink() != ours for process in _processes(server))


def test_the_namespace_has_no_way_out(server) -> None:
    child = _processes(server)[1]
    interfaces = [
        line.split(":")[0].strip() for line in Path(f"/proc/{child.pid}/net/dev").read_text().splitlines()[2:]
    ]
    assert interfaces == ["lo"]
    assert len(Path(f"/proc/{child.pid}/net/route").read_text().splitlines()) == 1


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("port", [53100, 19529, 19530, 19531, 2379, 9091])
def test_no_inner_port_answers_outside(port: int) -> None:
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_plaintext_is_refused(server) -> None:
    with socket.create_connection(("127.0.0.1", _port(server)), timeout=5) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        answer = raw.recv(9)
    assert len(answer) < 4 or answer[3] != 4


def test_a_client_without_a_certificate_is_refused(server) -> None:
    context = ssl.create_default_context(cafile=server.paths.pki_milvus / "ca.pem")
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", _port(server)), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
        # In TLS 1.3 the server checks the client after the client's side of the handshake is done.
        pytest.raises(ssl.SSLError, match=r"(?i)certificate"),
    ):
        tls.recv(9)


def test_only_tls_1_3_is_spoken(server) -> None:
    context = ssl.create_default_context(cafile=server.paths.pki_milvus / "ca.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", _port(server)), timeout=5) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_a_client_that_trusts_another_certificate_refuses_the_server(server) -> None:
    address = server.address("query")
    wrong = replace(address, tls=replace(address.tls, trusted=server.paths.pki_milvus / "query.pem"))
    with pytest.raises(Unavailable):
        MilvusIndexReader(MilvusConnection(wrong), DIGEST).check()


def test_a_wrong_password_is_denied(server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("not-the-password")
    file.chmod(0o600)
    connection = MilvusConnection(replace(server.address("query"), password_file=file))
    with pytest.raises(AccessDenied):
        MilvusIndexReader(connection, DIGEST).check()


def test_the_well_known_root_password_is_gone(server, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("Milvus")
    file.chmod(0o600)
    connection = MilvusConnection(replace(server.address("milvus-admin"), password_file=file))
    with pytest.raises(AccessDenied):
        connection.call(lambda client: client.list_users(timeout=5), place="list_users")


def test_passwords_are_for_their_owner_only(server) -> None:
    files = list(server.paths.secrets.rglob("*"))
    assert [f for f in files if f.is_file()]
    assert all(f.stat().st_mode & 0o077 == 0 for f in files)
    assert not list(server.paths.secrets.rglob("milvus_first_password"))


def test_the_query_user_reads_and_cannot_write(server) -> None:
    connection = MilvusConnection(server.address("query"))
    MilvusIndexReader(connection, DIGEST).check()
    writer = MilvusIndexWriter(connection, DIGEST)
    with pytest.raises(AccessDenied):
        writer.upsert([_row()])
    with pytest.raises(AccessDenied):
        writer.delete_document(TenantId("t"), DocumentId("d"), keep_version=None)
    name = collection_name(DIGEST)
    for attempt in (
        lambda client: client.insert(name, [to_columns(_row(), with_terms=False)], timeout=5),
        lambda client: client.flush(name, timeout=5),
        lambda client: client.drop_collection(name, timeout=5),
        lambda client: client.release_collection(name, timeout=5),
        lambda client: client.create_user("mallory", "Mallory-1!", timeout=5),
        lambda client: client.grant_privilege("query", "Collection", "Delete", "*", timeout=5),
    ):
        with pytest.raises(AccessDenied):
            connection.call(attempt, place="attempt")
    MilvusIndexReader(connection, DIGEST).check()


def _row() -> ChunkRow:
    return ChunkRow(
        chunk_id=ChunkId("c"),
        tenant_id=TenantId("t"),
        document_id=DocumentId("d"),
        document_version=1,
        ordinal=0,
        access=Access(Tier.OFFICE, (), Classification.PUBLIC),
        sealed_text=b"sealed",
        text_sha256=bytes(32),
        span_start=0,
        span_end=1,
        model_digest=DIGEST,
        retention_until=None,
        embedding=np.ones(384, dtype=np.float32),
    )


def test_the_indexing_user_writes_its_collection_and_administers_nothing(server) -> None:
    connection = MilvusConnection(server.address("indexing"))
    writer = MilvusIndexWriter(connection, DIGEST)
    assert writer.count(Equals(Field.TENANT_ID, "nobody")) == 0
    writer.flush()
    for attempt in (
        lambda client: client.drop_collection(collection_name(DIGEST), timeout=5),
        lambda client: client.list_users(timeout=5),
        lambda client: client.create_role("mallory", timeout=5),
        lambda client: client.insert(collection_name(DIGEST), [to_columns(_row(), with_terms=False)], timeout=5),
    ):
        with pytest.raises(AccessDenied):
            connection.call(attempt, place="attempt")


def test_provisioning_again_changes_nothing(server) -> None:
    assert provision(server.paths, server.ports, DIGEST) == collection_name(DIGEST)
    MilvusIndexReader(MilvusConnection(server.address("query")), DIGEST).check()


def test_the_server_dies_with_its_enclosure(server) -> None:
    """Runs last: it ends the server."""
    children = _processes(server)[1:]
    os.kill(server.process.pid, 9)
    server.process.wait()
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
