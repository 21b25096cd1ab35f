"""The table of what may be served, on the real broker: never an aborted version, and right while its topic compacts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from support.checker import within
from support.live import LiveStack
from support.streams import ANSWER_SECONDS, Bench, streams

from staithe.kernel.events import DocumentCurrent
from staithe.kernel.stream.table import CurrentTable
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TENANT = TenantId("harbour")
DOCUMENTS, ERASED_EVERY = 6, 3
COMPACTION_SECONDS_MAX = 120.0
"""The broker's cleaner looks for work every 15 s."""
EAGER = {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.001"}


@pytest.fixture
def bench(live: LiveStack, tmp_path: Path) -> Iterator[Bench]:
    with streams(live, tmp_path) as made:
        yield made


@pytest.fixture
def topic(bench: Bench) -> str:
    return f"{bench.given['service']}.current.v1"


@pytest.fixture
def table(bench: Bench, topic: str) -> Iterator[CurrentTable]:
    table = following(bench, topic)
    yield table
    table.stop()


def following(bench: Bench, topic: str) -> CurrentTable:
    table = CurrentTable(bench.access, bench.codec, topic=topic, logger=structlog.get_logger())
    table.start()
    return table


def current(number: int, version: int, *, erased: bool = False) -> DocumentCurrent:
    return DocumentCurrent(
        tenant_id=TENANT, document_id=DocumentId(f"d{number}"), document_version=version,
        access=Access(Tier.OFFICE, (), Classification.INTERNAL), residency="eu", content_sha256=bytes(32),
        erased=erased, chunk_count=1, occurred_at=version,
    )  # fmt: skip


def publish(bench: Bench, topic: str, wave: list[DocumentCurrent], *, commit: bool = True) -> None:
    bench.transaction(topic, [(each.key, bench.codec.encode(topic, each)) for each in wave], commit=commit)


def shown(table: CurrentTable) -> list[tuple[int, bool] | None]:
    """Version and whether erased, by document."""
    found = (table.get(TENANT, DocumentId(f"d{number}")) for number in range(DOCUMENTS))
    return [(each.document_version, each.erased) if each else None for each in found]


def test_table_never_shows_an_aborted_transaction_and_catches_up_with_every_commit(
    bench: Bench, topic: str, table: CurrentTable
) -> None:
    for version in range(1, 16):
        commit = version % 3 != 0
        publish(bench, topic, [current(number, version) for number in range(DOCUMENTS)], commit=commit)
        table.catch_up()
        assert shown(table) == [(version if commit else version - 1, False)] * DOCUMENTS
    assert len(bench.uncommitted_keys(topic)) == 15 * DOCUMENTS
    assert table.caught_up()
    assert len(table) == DOCUMENTS
    assert table.fatal is None


def test_table_is_right_while_its_topic_is_compacted_under_it(bench: Bench, topic: str, table: CurrentTable) -> None:
    compact_eagerly(bench, topic)
    published = 0

    def another_version() -> bool:
        """Publish one more version of all, an aborted one behind it; whether the broker has thrown versions away."""
        nonlocal published
        published += 1
        wave = [
            current(number, published, erased=number % ERASED_EVERY == 0 and published > 1)
            for number in range(DOCUMENTS)
        ]
        publish(bench, topic, wave)
        publish(bench, topic, [current(number, published + 1000) for number in range(DOCUMENTS)], commit=False)
        table.catch_up()
        assert shown(table) == [(each.document_version, each.erased) for each in wave]
        return len(bench.read(topic)) < (published - 1) * DOCUMENTS

    assert within(COMPACTION_SECONDS_MAX, another_version), f"{published} versions, and nothing was compacted"
    late = following(bench, topic)
    try:
        late.catch_up()
        assert shown(late) == shown(table)
        assert len(late) == len(table) == DOCUMENTS
        assert [each[1] for each in shown(late) if each] == [number % ERASED_EVERY == 0 for number in range(DOCUMENTS)]
    finally:
        late.stop()
    assert table.fatal is None


def compact_eagerly(bench: Bench, topic: str) -> None:
    """Have the broker begin a new segment for each wave and clean all but the newest one."""
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in EAGER.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(bench.access.config())  # kept: without it the futures would never be answered
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(ANSWER_SECONDS)
