"""Servers of both kinds, and a writer and a reader on each."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.milvus import DIGEST, Milvus, launch

from staithe.stack.milvus_server import READER, WRITER
from staithe.stack.processes import stop
from staithe.vectors.store import MilvusConnection, MilvusIndexReader, MilvusIndexWriter


@pytest.fixture(scope="session", params=["lite", "server"])
def milvus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    """One server of each kind for the whole session; tests keep apart by tenant."""
    running = launch(request.param, tmp_path_factory.mktemp(request.param))
    yield running
    with suppress(ProcessLookupError):
        stop(running.process, running.spec)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    """A Milvus server of its own for the tests that try to get in."""
    running = launch("server", tmp_path_factory.mktemp("isolated"))
    yield running
    stop(running.process, running.spec)


@pytest.fixture
def writer(milvus: Milvus) -> Iterator[MilvusIndexWriter]:
    connection = MilvusConnection(milvus.address(WRITER))
    yield MilvusIndexWriter(connection, DIGEST)
    connection.close()


@pytest.fixture
def reader(milvus: Milvus) -> Iterator[MilvusIndexReader]:
    connection = MilvusConnection(milvus.address(READER))
    yield MilvusIndexReader(connection, DIGEST)
    connection.close()
