"""A short, seeded run of the fault harness, and the proof that its checker sees what is planted on a real stack."""

import random
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # with import-mode=importlib nothing else makes them importable

import faults
from check import Outsider, verdict_on
from journal import Acknowledged, read
from judge import Verdict, judge
from source import LAST_SECONDS_MAX, publish, wait_for
from support.checker import Checker
from support.live import LiveStack
from watch import Watcher

from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import collection_name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEED = 20_261
KILLS = ("sanitization", "indexing", "embedding", "ingestion")
RATE = "4"
TENANT = "harbour"
"""The one whose office may hold documents that other tests on the same stack did not publish."""
SETTLE_SECONDS_MAX = 240.0


@pytest.fixture(scope="module")
def journal(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a source had acknowledged while four services were killed at seeded moments."""
    path = tmp_path_factory.mktemp("chaos") / "journal.jsonl"
    chance, watcher = random.Random(SEED), Watcher(live)  # noqa: S311 - moments, not keys
    load = publish(live, path, "--seed", str(SEED), "--rate", RATE, "--poison", "0.03", "--tenants", TENANT)
    watcher.start()
    try:
        wait_for(path)
        for name in KILLS:
            time.sleep(chance.uniform(0, 2))
            since = time.time()
            faults.kill(live, name)
            assert watcher.recovered(path, since) is not None, f"{name} did not come back\n{live.log_tails()}"
    finally:
        load.terminate()
        assert load.wait(LAST_SECONDS_MAX) == 0
        watcher.stop()
    return path


@pytest.fixture(scope="module")
def settled(live: LiveStack, journal: Path) -> list[Acknowledged]:
    """The journal, once the promise holds for it."""
    lines = read([journal])
    verdict = verdict_on(live, lines, SETTLE_SECONDS_MAX)
    assert verdict.holds, verdict
    return lines


def test_killed_services_lose_nothing_and_double_nothing(settled: list[Acknowledged]) -> None:
    assert {line.operation for line in settled} == {"UPSERT", "ERASE"}
    assert len({line.version for line in settled}) > 1
    assert any(line.poison for line in settled), "the seed must plant unreadable records too"


class Planter:
    """Changes rows behind the services' back, and changes them back."""

    def __init__(self, checker: Checker) -> None:
        self._milvus, self._name = checker._milvus, collection_name(model_digest())

    def row(self, line: Acknowledged) -> dict[str, Any]:
        """The first row of a version, whole."""
        wanted = f'document_id == "{line.document.document_id}" and document_version == {line.version} and ordinal == 0'
        found = self._milvus.call(
            lambda client: client.query(self._name, filter=wanted, output_fields=["*"], consistency_level="Strong"),
            place="plant",
        )
        return dict(found[0])

    def put(self, row: dict[str, Any]) -> None:
        self._milvus.call(lambda client: client.upsert(self._name, [row]), place="plant")

    def remove(self, row: dict[str, Any]) -> None:
        self._milvus.call(
            lambda client: client.delete(self._name, filter=f'chunk_id == "{row["chunk_id"]}"'), place="plant"
        )


@pytest.fixture
def planter(checker: Checker) -> Planter:
    return Planter(checker)


def newest_living(lines: list[Acknowledged]) -> Acknowledged:
    """A version that is served: not erased, not overtaken, not poison."""
    newest = {line.document: line for line in lines}
    return next(line for line in newest.values() if line.operation == "UPSERT" and not line.poison)


def look(live: LiveStack, lines: list[Acknowledged]) -> Verdict:
    with closing(Outsider(live, lines)) as outsider:
        return judge(lines, outsider.look())


def test_checker_finds_a_planted_loss(live: LiveStack, planter: Planter, settled: list[Acknowledged]) -> None:
    line = newest_living(settled)
    row = planter.row(line)
    planter.remove(row)
    try:
        assert any(line.document.document_id in each for each in look(live, settled).lost)
    finally:
        planter.put(row)


def test_checker_finds_a_planted_duplicate(live: LiveStack, planter: Planter, settled: list[Acknowledged]) -> None:
    line = newest_living(settled)
    row = {**planter.row(line), "chunk_id": "f" * 64}
    planter.put(row)
    try:
        assert any(line.document.document_id in each for each in look(live, settled).duplicated)
    finally:
        planter.remove(row)


def test_checker_finds_a_planted_resurrection(live: LiveStack, planter: Planter, settled: list[Acknowledged]) -> None:
    erased = next(line for line in settled if line.operation == "ERASE")
    row = {**planter.row(newest_living(settled)), "chunk_id": "e" * 64}
    row |= {"tenant_id": erased.document.tenant_id, "document_id": erased.document.document_id}
    planter.put(row)
    try:
        assert any(erased.document.document_id in each for each in look(live, settled).resurrected)
    finally:
        planter.remove(row)


def test_nothing_of_what_was_planted_is_left(live: LiveStack, settled: list[Acknowledged]) -> None:
    assert look(live, settled).holds
