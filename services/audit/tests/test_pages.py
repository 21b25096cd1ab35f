"""The log over HTTPS: every published byte to those who may read it, and nothing to anybody else."""

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from staithe.audit.dedup import EventIndex, IndexFinder
from staithe.audit.entry import entry_keys
from staithe.audit.http.routes import LogPages, Right
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.published import PublishedLog
from staithe.audit.witness import Witness
from staithe.cli.remote_log import RemoteLog
from staithe.kernel.clock import SystemClock
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import AccessDenied, Integrity, Unavailable
from staithe.kernel.http import serve_https
from staithe.kernel.telemetry import Metrics
from staithe.kernel.tls import client_context
from staithe.stack.pki import Usage, ensure_authority, ensure_leaf
from staithe.stack.ports import find_free

ORIGIN, SIZES = "audit.example/test", [100, 300, 520, 600]
READERS: dict[str, frozenset[Right]] = {"witness": frozenset({"log"}), "query": frozenset({"evidence"})}
Get = Callable[[str, str], Any]


@pytest.fixture
def published(build_log: Callable[[Sequence[int]], Path], signer: Signer, tmp_path: Path) -> PublishedLog:
    folder = build_log(SIZES)
    index = EventIndex(tmp_path / "index.sqlite")
    with TransparencyLog(folder, signer, ORIGIN) as log:
        index.catch_up(log.reader())
    index.close()
    return PublishedLog(folder, tmp_path / "index.sqlite", VerifierKey(ORIGIN, signer.public_key))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority = ensure_authority(folder, common_name="test")
    ensure_leaf(authority, folder, "audit", usage=Usage.SERVER)
    for name in ("witness", "query", "mallory"):
        ensure_leaf(authority, folder, name, usage=Usage.CLIENT)
    (folder / "other").mkdir()
    ensure_leaf(
        ensure_authority(folder / "other", common_name="other"), folder / "other", "witness", usage=Usage.CLIENT
    )
    return folder


@pytest.fixture
async def url(published: PublishedLog, pki: Path) -> AsyncIterator[str]:
    pages = LogPages(published, READERS, Metrics("audit"))
    port = find_free(["audit"]).of("audit")
    server = await serve_https(
        pages.application(structlog.get_logger()), host="127.0.0.1", port=port, certificate_file=pki / "audit.pem",
        private_key_file=pki / "audit.key", clients_ca_file=pki / "ca.pem",
    )  # fmt: skip
    yield f"https://127.0.0.1:{port}"
    await server.cleanup()
    pages.close()


@pytest.fixture
def get(url: str, pki: Path) -> Get:
    async def call(name: str, path: str) -> tuple[int, bytes]:
        context = client_context(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url + path) as response:
            return response.status, await response.read()

    return call


@pytest.fixture
def remote(url: str, pki: Path) -> Iterator[Callable[[str], RemoteLog]]:
    """The log over the network, read as somebody."""
    opened: list[RemoteLog] = []

    def open_as(name: str) -> RemoteLog:
        opened.append(RemoteLog(url, pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key"))
        return opened[-1]

    yield open_as
    for each in opened:
        each.close()


async def test_every_file_of_the_log_is_served_as_it_is(get: Get, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    paths = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "writer"]
    assert len(paths) > 10
    for path in paths:
        assert await get("witness", f"/{path.relative_to(folder).as_posix()}") == (200, path.read_bytes())


async def test_partial_tiles_of_every_published_checkpoint_are_served_after_they_were_replaced(
    get: Get, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    assert not (folder / "tile/0/000.p").exists()
    whole = (folder / "tile/0/000").read_bytes()
    assert await get("witness", "/tile/0/000.p/100") == (200, whole[: 100 * 32])
    status, bundle = await get("witness", "/tile/entries/001.p/44")
    assert status == 200
    assert (folder / "tile/entries/001").read_bytes().startswith(bundle)


@pytest.mark.parametrize(
    "path",
    ["/tile/0/002.p/89", "/tile/0/003", "/tile/entries/002", "/tile/1/000", "/tile/0/000.p/256", "/tile/0/0",
     "/writer/lock", "/tile/../writer/lock", "/tile/%2e%2e/writer/pending", "/tile/64/000", "/tile/0/x000/000",
     "/index.sqlite", "/"],
)  # fmt: skip
async def test_nothing_else_is_there(get: Get, path: str) -> None:
    status, body = await get("witness", path)
    assert status == 404
    assert b"lock" not in body


@pytest.mark.parametrize(
    ("name", "path"),
    [("query", "/checkpoint"), ("query", "/tile/0/000"), ("witness", "/evidence/x"), ("mallory", "/checkpoint"),
     ("mallory", "/tile/0/000"), ("mallory", "/evidence/x")],
)  # fmt: skip
async def test_reader_gets_only_what_the_map_gives(get: Get, name: str, path: str) -> None:
    assert (await get(name, path))[0] == 403


async def test_unknown_answer_is_not_there(get: Get) -> None:
    assert (await get("query", "/evidence/018bcfe5-6801-7000-8000-000000000001"))[0] == 404
    assert (await get("query", "/evidence/x"))[0] == 404


@pytest.mark.parametrize("chosen", ["none", "other"])
async def test_client_without_a_certificate_of_the_authority_gets_nothing(url: str, pki: Path, chosen: str) -> None:
    context = client_context(pki / "ca.pem")
    if chosen == "other":
        context.load_cert_chain(pki / "other" / "witness.pem", pki / "other" / "witness.key")
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            async with session.get(url + "/checkpoint") as response:
                await response.read()


async def test_witness_cosigns_what_it_reads_from_the_pages(
    remote: Callable[[str], RemoteLog], signer: Signer, tmp_path: Path, build_log: Callable[[Sequence[int]], Path]
) -> None:
    log = remote("witness")
    witness = Witness(tmp_path / "witness", VerifierKey(ORIGIN, signer.public_key), "w.example", SystemClock())
    assert (await asyncio.to_thread(witness.look, log)).head.size == 600
    build_log([600, 900])
    seen = await asyncio.to_thread(witness.look, log)
    assert (seen.head.size, seen.size_before) == (1500, 600)


async def test_witness_without_the_right_learns_nothing(remote: Callable[[str], RemoteLog]) -> None:
    log = remote("query")
    with pytest.raises(AccessDenied):
        await asyncio.to_thread(log.read, "checkpoint", 1000)


async def test_answer_larger_than_a_file_can_be_is_refused(remote: Callable[[str], RemoteLog]) -> None:
    log = remote("witness")
    with pytest.raises(Integrity):
        await asyncio.to_thread(log.read, "checkpoint", 10)
    assert await asyncio.to_thread(log.read, "tile/0/099", 10) is None


async def test_server_that_is_not_there_is_unavailable(pki: Path) -> None:
    log = RemoteLog("https://127.0.0.1:9", pki / "ca.pem", None, None)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(log.read, "checkpoint", 1000)
    log.close()


def test_index_finds_versions_and_is_made_again_when_its_tables_are_old(
    build_log: Callable[[Sequence[int]], Path], signer: Signer, tmp_path: Path
) -> None:
    folder, path = build_log([300]), tmp_path / "index.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE event (event_id BLOB PRIMARY KEY, leaf_index INTEGER NOT NULL) WITHOUT ROWID")
    old.close()
    index = EventIndex(path)
    with TransparencyLog(folder, signer, ORIGIN) as log:
        assert index.catch_up(log.reader()) == 300
        reader, finder = log.reader(), IndexFinder(path)
        keys = entry_keys(reader.entry(7))
        assert keys.subject_sha256 is not None
        assert list(finder.version(keys.subject_sha256, 1)) == [7]
        assert finder.version(keys.subject_sha256, 2) == []
        finder.close()
    index.close()
