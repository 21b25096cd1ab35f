"""The writer, the reader and the connection, with a hand-written client in the place of pymilvus."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from staithe.kernel.errors import AccessDenied, ConfigurationError, Integrity, InvalidEvent, Unavailable
from staithe.kernel.vocabulary import Access, ChunkId, Classification, DocumentId, TenantId, Tier
from staithe.vectors.store import connection as connection_room
from staithe.vectors.store import limits, schema
from staithe.vectors.store.connection import MilvusAddress, MilvusConnection, MilvusTls
from staithe.vectors.store.filters import Equals, Field, render
from staithe.vectors.store.milvus import Deletion, MilvusIndexWriter
from staithe.vectors.store.reader import MilvusIndexReader
from staithe.vectors.store.rows import ChunkRow

DIGEST = bytes(range(32))
TENANT = TenantId("harbour")
EVERYTHING = Equals(Field.TENANT_ID, TENANT)


class FakeClient:
    """Records calls; answers what it was told to."""

    def __init__(self) -> None:
        self.upserts: list[list[dict[str, Any]]] = []
        self.deletions: list[str] = []
        self.flushes = self.compactions = 0
        self.found: list[dict[str, Any]] = []
        self.stored_short = 0
        self.columns = ["chunk_id", "terms"]
        self.searches: list[dict[str, Any]] = []

    def describe_collection(self, _name: str, **_: object) -> dict[str, Any]:
        return {"fields": [{"name": name} for name in self.columns]}

    def upsert(self, _name: str, rows: list[dict[str, Any]], **_: object) -> dict[str, int]:
        self.upserts.append(rows)
        return {"upsert_count": len(rows) - self.stored_short}

    def delete(self, _name: str, filter: str, **_: object) -> None:  # noqa: A002 the client's own name
        self.deletions.append(filter)

    def flush(self, _name: str, **_: object) -> None:
        self.flushes += 1

    def compact(self, _name: str, **_: object) -> int:
        self.compactions += 1
        return 1

    def search(self, *_: object, **asked: object) -> list[list[dict[str, Any]]]:
        self.searches.append(asked)
        return [self.found]

    def query(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [found["entity"] for found in self.found]


class FakeConnection:
    """A connection that is always up."""

    def __init__(self, *, is_lite: bool = True) -> None:
        self.client = FakeClient()
        self.is_lite = is_lite

    def call(self, function: Callable[[Any], Any], *, place: str) -> Any:
        assert place
        return function(self.client)


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


def row(ordinal: int = 0, **changes: object) -> ChunkRow:
    made = ChunkRow(
        chunk_id=ChunkId(f"c{ordinal}"),
        tenant_id=TENANT,
        document_id=DocumentId("handbook"),
        document_version=1,
        ordinal=ordinal,
        access=Access(Tier.OFFICE, ("mill",), Classification.INTERNAL),
        sealed_text=b"sealed",
        text_sha256=bytes(32),
        span_start=0,
        span_end=5,
        model_digest=DIGEST,
        retention_until=None,
        embedding=np.ones(384, dtype=np.float32),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_id": ""},
        {"chunk_id": "c" * 65},
        {"tenant_id": ""},
        {"tenant_id": "t\0"},
        {"document_id": "\ud800"},
        {"document_id": "\u00e9" * 101},
        {"document_version": -1},
        {"document_version": 1 << 63},
        {"span_end": -1},
        {"retention_until": 0},
        {"text_sha256": b"short"},
        {"model_digest": b"short"},
        {"sealed_text": bytes(limits.SEALED_TEXT_BYTES_MAX + 1)},
        {"access": Access(Tier.OFFICE, ("*",), Classification.PUBLIC)},
        {"access": Access(Tier.OFFICE, ("",), Classification.PUBLIC)},
        {"access": Access(Tier.OFFICE, tuple(f"g{n}" for n in range(33)), Classification.PUBLIC)},
        {"embedding": np.ones(383, dtype=np.float32)},
        {"terms": dict.fromkeys(range(1, 1026), 1.0)},
        {"embedding": np.ones(384, dtype=np.float64)},
        {"embedding": np.zeros(384, dtype=np.float32)},
        {"embedding": np.full(384, np.nan, dtype=np.float32)},
        {"embedding": np.full(384, np.inf, dtype=np.float32)},
    ],
)
def test_a_row_that_cannot_be_stored_without_loss_is_refused_before_anything_is_sent(changes: dict[str, Any]) -> None:
    connection = FakeConnection()
    with pytest.raises(InvalidEvent):
        MilvusIndexWriter(connection, DIGEST).upsert([row(1), row(2, **changes)])
    assert connection.client.upserts == []


def test_a_largest_row_fits_its_column() -> None:
    columns = schema.to_columns(row(sealed_text=bytes(limits.SEALED_TEXT_BYTES_MAX)), with_terms=False)
    assert len(columns["sealed_text"]) <= limits.VARCHAR_BYTES_MAX
    assert set(columns) == set(schema.COLUMNS)


@pytest.mark.parametrize("groups", [(), ("mill",), tuple(f"g{n:02}" for n in range(32))])
def test_groups_survive_the_columns(groups: tuple[str, ...]) -> None:
    access = Access(Tier.ANALYTICS, groups, Classification.PUBLIC)
    assert schema.from_columns(schema.to_columns(row(access=access), with_terms=False))["access"] == access


@pytest.mark.parametrize("change", [{"tier": 9}, {"sealed_text": "*"}, {"text_sha256": "xy"}, {"ordinal": None}])
def test_a_row_we_never_wrote_stops_the_reader(change: dict[str, Any]) -> None:
    with pytest.raises(Integrity):
        schema.from_columns(schema.to_columns(row(), with_terms=True) | change)


def test_rows_are_sent_in_bounded_requests_in_order() -> None:
    connection = FakeConnection()
    MilvusIndexWriter(connection, DIGEST).upsert([row(n) for n in range(limits.UPSERT_ROWS_MAX + 1)])
    assert [len(batch) for batch in connection.client.upserts] == [limits.UPSERT_ROWS_MAX, 1]
    large = [row(n, sealed_text=bytes(49_000)) for n in range(100)]
    MilvusIndexWriter(connection, DIGEST).upsert(large)
    assert all(
        sum(len(r["sealed_text"]) for r in batch) < limits.UPSERT_BYTES_MAX for batch in connection.client.upserts
    )


def test_a_server_that_stores_fewer_rows_than_sent_stops_the_writer() -> None:
    connection = FakeConnection()
    connection.client.stored_short = 1
    with pytest.raises(Integrity):
        MilvusIndexWriter(connection, DIGEST).upsert([row()])


def test_a_deletion_never_reaches_the_kept_version() -> None:
    assert "document_version <= 6" in render(Deletion(TENANT, DocumentId("d"), 7).filter())
    assert "document_version" not in render(Deletion(TENANT, DocumentId("d"), None).filter())


def test_many_deletions_are_sent_in_bounded_requests() -> None:
    connection = FakeConnection()
    deletions = [Deletion(TENANT, DocumentId(f"d{n}"), 2) for n in range(limits.DELETE_DOCUMENTS_MAX + 1)]
    MilvusIndexWriter(connection, DIGEST).delete_documents(deletions)
    assert len(connection.client.deletions) == 2


def test_lite_is_flushed_by_size_and_by_age_and_a_server_never() -> None:
    clock, lite, server = FakeClock(), FakeConnection(), FakeConnection(is_lite=False)
    writer = MilvusIndexWriter(lite, DIGEST, clock=clock)
    writer.upsert([row()])
    assert not writer.flush_if_due()
    clock.seconds += limits.FLUSH_SECONDS
    assert writer.flush_if_due()
    assert not writer.flush_if_due()
    writer.upsert([row(n) for n in range(limits.FLUSH_ROWS)])
    assert lite.client.flushes == 2
    MilvusIndexWriter(server, DIGEST, clock=clock).upsert([row(n) for n in range(limits.FLUSH_ROWS)])
    assert server.client.flushes == 0


def test_an_erasure_is_followed_by_one_compaction_and_a_new_version_by_none() -> None:
    clock, connection = FakeClock(), FakeConnection(is_lite=False)
    writer, client = MilvusIndexWriter(connection, DIGEST, clock=clock), connection.client
    writer.delete_document(TENANT, DocumentId("d"), keep_version=2)
    clock.seconds += limits.COMPACT_SECONDS
    assert not writer.compact_if_due()
    for _ in range(3):
        writer.delete_document(TENANT, DocumentId("d"), keep_version=None)
    assert not writer.compact_if_due()
    clock.seconds += limits.COMPACT_SECONDS
    assert writer.compact_if_due()
    assert not writer.compact_if_due()
    assert (client.flushes, client.compactions) == (1, 1)


def test_a_compaction_that_failed_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, connection = FakeClock(), FakeConnection(is_lite=False)
    writer = MilvusIndexWriter(connection, DIGEST, clock=clock)
    writer.delete_document(TENANT, DocumentId("d"), keep_version=None)
    clock.seconds += limits.COMPACT_SECONDS

    def refuse(*_: object, **__: object) -> int:
        raise Unavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(connection.client, "compact", refuse)
        with pytest.raises(Unavailable):
            writer.compact_if_due()
    assert writer.compact_if_due()


@pytest.mark.parametrize("limit", [0, -1, limits.SEARCH_HITS_MAX + 1])
def test_a_search_for_too_many_or_no_hits_is_refused(limit: int) -> None:
    with pytest.raises(InvalidEvent, match="SEARCH_LIMIT_REFUSED"):
        MilvusIndexReader(FakeConnection(), DIGEST).search(row().embedding, EVERYTHING, limit)


def test_hits_come_nearest_first() -> None:
    connection = FakeConnection()
    connection.client.found = [
        {"entity": schema.to_columns(row(n), with_terms=True), "distance": score}
        for n, score in enumerate([0.2, 0.9, 0.5])
    ]
    hits = MilvusIndexReader(connection, DIGEST).search(row().embedding, EVERYTHING, 3)
    assert [hit.score for hit in hits] == [0.9, 0.5, 0.2]


def found_by_words(connection: FakeConnection, *scores: float) -> None:
    connection.client.found = [
        {"entity": schema.to_columns(row(n), with_terms=True), "distance": score} for n, score in enumerate(scores)
    ]


def test_hits_by_words_come_with_both_scores_most_in_common_first() -> None:
    connection = FakeConnection()
    found_by_words(connection, 1.5, 4.0, 0.0)
    hits = MilvusIndexReader(connection, DIGEST).search_terms({7: 1.0}, 3 * row().embedding, EVERYTHING, 3)
    assert [(hit.terms_score, pytest.approx(1.0)) for hit in hits] == [(4.0, hits[0].score), (1.5, hits[1].score)]
    assert connection.client.searches[0]["anns_field"] == "terms"


@pytest.mark.parametrize(("columns", "terms"), [(["chunk_id"], {7: 1.0}), (["chunk_id", "terms"], {})])
def test_search_by_words_without_words_or_their_index_is_refused(columns: list[str], terms: dict[int, float]) -> None:
    connection = FakeConnection()
    connection.client.columns = columns
    with pytest.raises(InvalidEvent, match="TERMS_MISSING"):
        MilvusIndexReader(connection, DIGEST).search_terms(terms, row().embedding, EVERYTHING, 3)
    assert connection.client.searches == []


@pytest.mark.parametrize("stored", [np.zeros(384, np.float32), np.ones(3, np.float32)])
def test_row_by_words_with_a_vector_we_never_wrote_is_refused(stored: Any) -> None:
    connection = FakeConnection()
    found_by_words(connection, 1.0)
    connection.client.found[0]["entity"]["embedding"] = stored
    with pytest.raises(Integrity, match="ROW_MALFORMED"):
        MilvusIndexReader(connection, DIGEST).search_terms({7: 1.0}, row().embedding, EVERYTHING, 3)


@pytest.mark.parametrize(("columns", "written"), [(["chunk_id"], None), (["chunk_id", "terms"], {7: 1.0, 9: 2.0})])
def test_terms_are_written_where_the_collection_has_them(columns: list[str], written: Any) -> None:
    connection = FakeConnection()
    connection.client.columns = columns
    MilvusIndexWriter(connection, DIGEST).upsert([row(terms={7: 1.0, 9: 2.0})])
    assert connection.client.upserts[0][0].get("terms") == written


def test_row_without_words_is_still_a_row() -> None:
    connection = FakeConnection()
    MilvusIndexWriter(connection, DIGEST).upsert([row()])
    assert list(connection.client.upserts[0][0]["terms"]) == [0]


@pytest.mark.parametrize(
    ("version", "sparse"),
    [
        ("milvus_lite-3.2.2", True), ("v2.3.5", False), ("2.4.0", True), ("v2.6.1-dev", True), ("3.0.0", True),
        ("v1.9", False), ("", False), ("unknown", False),
    ],
)  # fmt: skip
def test_only_a_server_that_searches_sparse_vectors_gets_them(
    version: str, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Server:
        def get_server_version(self, **_: object) -> str:
            return version

    monkeypatch.setattr(connection_room, "_connect", lambda _: Server())
    assert MilvusConnection(MilvusAddress("http://127.0.0.1:1")).has_sparse is sparse


def test_a_document_with_a_gap_is_not_served() -> None:
    connection = FakeConnection()
    connection.client.found = [{"entity": schema.to_columns(row(n), with_terms=False)} for n in (0, 2)]
    with pytest.raises(Integrity, match="DOCUMENT_INCOMPLETE"):
        MilvusIndexReader(connection, DIGEST).fetch_document_chunks(TENANT, DocumentId("handbook"), 1)


TLS = MilvusTls(Path("ca"), Path("cert"), Path("key"), "localhost")


@pytest.mark.parametrize(
    ("uri", "tls"),
    [
        ("http://milvus.example:19530", None),
        ("http://0.0.0.0:19530", None),
        ("https://127.0.0.1:19530", None),
        ("http://127.0.0.1:19530", TLS),
        ("http://127.0.0.1", None),
        ("http://root:secret@127.0.0.1:19530", None),
        ("http://127.0.0.1:19530/other", None),
        ("http://127.0.0.1:99999", None),
        ("./demo.db", None),
        ("unix:/tmp/socket", None),
    ],
)
def test_an_address_that_is_neither_loopback_nor_mutual_tls_is_refused(uri: str, tls: MilvusTls | None) -> None:
    with pytest.raises(ConfigurationError):
        MilvusAddress(uri=uri, tls=tls)


def test_half_a_credential_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        MilvusAddress(uri="http://127.0.0.1:19530", user="query")


class FakeStatus:
    def __init__(self, name: str) -> None:
        self.name = name


class FakeRpcError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__("the filter said secret")
        self._status = FakeStatus(name)

    def code(self) -> FakeStatus:
        return self._status


class FakeMilvusError(Exception):
    def __init__(self, code: int, cause: Exception | None = None) -> None:
        super().__init__("the filter said secret")
        self.code = code
        self.__cause__ = cause


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FakeRpcError("UNAVAILABLE"), Unavailable),
        (FakeRpcError("DEADLINE_EXCEEDED"), Unavailable),
        (FakeRpcError("PERMISSION_DENIED"), AccessDenied),
        (FakeMilvusError(2, FakeRpcError("UNAUTHENTICATED")), AccessDenied),
        (FakeMilvusError(2), Unavailable),
        (FakeMilvusError(100), Unavailable),
        (FakeMilvusError(101), Unavailable),
        (FakeMilvusError(1100), InvalidEvent),
        (FakeMilvusError(65535), Integrity),
        (ValueError("Cannot invoke RPC on closed channel!"), Unavailable),
    ],
)
def test_a_foreign_error_becomes_ours_without_its_words(error: Exception, kind: type[Exception]) -> None:
    connection = MilvusConnection(MilvusAddress(uri="http://127.0.0.1:19530"))
    connection._client = FakeClient()

    def fail(_: object) -> None:
        raise error

    with pytest.raises(kind) as failure:
        connection.call(fail, place="search")
    assert "secret" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_importing_the_store_imports_no_pymilvus() -> None:
    code = "import sys, staithe.vectors.store; sys.exit('pymilvus' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_an_unreachable_server_is_unavailable_and_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    connection = MilvusConnection(MilvusAddress(uri="http://127.0.0.1:1"))
    with pytest.raises(Unavailable):
        MilvusIndexReader(connection, DIGEST).check()
    assert capfd.readouterr() == ("", "")
    assert connection_room.load_pymilvus().__name__ == "pymilvus"
