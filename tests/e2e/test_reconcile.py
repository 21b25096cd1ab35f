"""Rows that went missing come back, rows that should be gone go, and what is left alone is told."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.checker import Checker, within
from support.live import LiveStack

from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.stack.milvus_server import ADMIN, milvus_server_address
from staithe.stack.ports import HOST
from staithe.vectors.chunks import chunk_id
from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import MilvusAddress, MilvusConnection, collection_name

MILVUS_KINDS = ("lite", "server")
TENANT = "harbour"
LOGGED_SECONDS_MAX = 30.0
WORDS = "The reconciler of the harbour office compares what is stored with what should be. "


@dataclass
class Meddler:
    """Somebody with the index's admin rights."""

    connection: MilvusConnection

    def rows(self, document: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.connection.call(
            lambda client: client.query(
                collection_name(model_digest()), filter=f'document_id == "{document}"', output_fields=["*"],
                consistency_level="Strong",
            ),
            place="test",
        )  # fmt: skip
        return sorted(found, key=lambda row: (row["document_version"], row["ordinal"]))

    def remove(self, document: str) -> None:
        self.connection.call(
            lambda client: client.delete(collection_name(model_digest()), filter=f'document_id == "{document}"'),
            place="test",
        )

    def add(self, document: str, row: dict[str, Any], version: int) -> None:
        identity = chunk_id(TenantId(TENANT), DocumentId(document), version, 0)
        forged = {**row, "document_id": document, "document_version": version, "ordinal": 0, "chunk_id": identity}
        self.connection.call(lambda client: client.upsert(collection_name(model_digest()), [forged]), place="test")


@pytest.fixture(scope="module")
def meddler(live: LiveStack) -> Iterator[Meddler]:
    address = (
        milvus_server_address(live.paths, live.ports, ADMIN)
        if live.kind == "server"
        else MilvusAddress(uri=f"http://{HOST}:{live.ports.of('milvus')}")
    )
    connection = MilvusConnection(address)
    yield Meddler(connection)
    connection.close()


def published(live: LiveStack, folder: Path, *documents: str) -> dict[str, int]:
    """The version of each document, indexed and in the log."""
    folder.mkdir()
    for each in documents:
        (folder / each).write_text(f"# {each}\n\n{WORDS * 30}\n")
    told = live.cli_json("publish", str(folder), "--tenant", TENANT)
    return {each["document_id"]: each["document_version"] for each in told}


def findings(live: LiveStack, *options: str) -> tuple[int, set[tuple[str, str, int]]]:
    answer = live.cli("doctor", "--reconcile", "--milvus", live.kind, "--json", *options)
    assert answer.returncode in (0, 1), answer.stderr
    report = json.loads(answer.stdout)
    assert report["ok"] == (answer.returncode == 0)
    return answer.returncode, {(e["kind"], e["document_id"], e["document_version"]) for e in report["findings"]}


def test_planted_differences_are_found_mended_and_logged(
    live: LiveStack, checker: Checker, meddler: Meddler, tmp_path: Path
) -> None:
    mark = f"reconcile-{time.time_ns()}"
    lost, replaced, gone = f"{mark}-lost.md", f"{mark}-replaced.md", f"{mark}-gone.md"
    versions = published(live, tmp_path / "documents", lost, replaced, gone)
    live.cli_json("erase", gone, "--tenant", TENANT)
    # The audit log follows by itself.
    assert within(LOGGED_SECONDS_MAX, lambda: findings(live) == (0, set()))
    kept = meddler.rows(lost)
    assert len(kept) > 1

    meddler.remove(lost)
    meddler.add(replaced, kept[0], versions[replaced] - 1)
    meddler.add(gone, kept[0], versions[gone])
    planted = {
        ("ROWS_MISSING", lost, versions[lost]), ("ROWS_OLD", replaced, versions[replaced] - 1),
        ("ROWS_ERASED", gone, versions[gone]),
    }  # fmt: skip
    assert findings(live) == (1, planted)
    assert findings(live, "--repair") == (0, set())

    assert [row["chunk_id"] for row in meddler.rows(lost)] == [row["chunk_id"] for row in kept]
    assert [row["sealed_text"] for row in meddler.rows(lost)] == [row["sealed_text"] for row in kept]
    assert meddler.rows(gone) == []
    repaired = [each for each in checker.entries() if each.action == "index.repaired"]
    assert within(LOGGED_SECONDS_MAX, lambda: len([e for e in checker.entries() if e.action == "index.repaired"]) >= 3)
    assert {each.reason_code for each in repaired} <= {"ROWS_MISSING", "ROWS_OLD", "ROWS_ERASED"}


def test_rows_that_nobody_has_called_current_are_told_and_left(
    live: LiveStack, meddler: Meddler, tmp_path: Path
) -> None:
    mark = f"reconcile-{time.time_ns()}-ahead.md"
    version = published(live, tmp_path / "documents", mark)[mark]
    assert within(LOGGED_SECONDS_MAX, lambda: findings(live) == (0, set()))
    meddler.add(mark, meddler.rows(mark)[0], version + 1)
    assert findings(live, "--repair") == (1, {("ROWS_AHEAD", mark, version + 1)})
    live.cli_json("erase", mark, "--tenant", TENANT)
    assert within(LOGGED_SECONDS_MAX, lambda: findings(live) == (0, set()))


def test_repair_without_reconcile_is_a_usage_error(live: LiveStack) -> None:
    answer = live.cli("doctor", "--repair")
    assert answer.returncode != 0
    assert "--reconcile" in answer.stderr
