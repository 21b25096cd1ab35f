import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staithe.audit.dedup import EventIndex
from staithe.audit.entry import decode_entry, encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.stage import AppendStage
from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.events import AuditEvent, Outcome

Make = Callable[[int], AuditEvent]
Open = Callable[[], TransparencyLog]


class Service:
    """The log with its index, as the audit service holds them."""

    def __init__(self, open_log: Open, index_path: Path) -> None:
        self.log = open_log()
        self.index = EventIndex(index_path)
        try:
            self.stage = AppendStage(self.log, self.index)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.index.close()
        self.log.close()

    def numbers(self) -> list[int]:
        return [int(decode_entry(entry).attributes["offset"]) for entry in self.log.reader().entries()]


@pytest.fixture
def start(open_log: Open, tmp_path: Path) -> Iterator[Callable[[], Service]]:
    started: list[Service] = []

    def run() -> Service:
        for service in started:
            service.close()
        started.append(Service(open_log, tmp_path / "index.sqlite"))
        return started[-1]

    yield run
    for service in started:
        service.close()


def test_every_new_event_is_appended_in_order(start: Callable[[], Service], event: Make) -> None:
    service = start()
    result = service.stage.append_events([event(i) for i in range(2500)])
    assert (result.new, result.duplicates, result.refused, result.tree_size) == (2500, 0, (), 2500)
    assert service.numbers() == list(range(2500))


def test_an_event_is_in_the_log_once_however_often_it_comes(start: Callable[[], Service], event: Make) -> None:
    service = start()
    service.stage.append_events([event(1), event(2), event(1)])
    result = service.stage.append_events([event(2), event(3), event(3)])
    assert (result.new, result.duplicates, result.tree_size) == (1, 2, 3)
    service = start()
    assert service.stage.append_events([event(3), event(1), event(4)]).new == 1
    assert service.numbers() == [1, 2, 3, 4]


def test_an_empty_batch_changes_nothing(start: Callable[[], Service]) -> None:
    assert start().stage.append_events([]).tree_size == 0


def test_a_refused_event_leaves_its_neighbours_alone(start: Callable[[], Service], event: Make) -> None:
    service = start()
    bad = replace(event(2), attributes={"email": "mary@example.com"})
    result = service.stage.append_events([event(1), bad, event(3)])
    assert (result.new, service.numbers()) == (2, [1, 3])
    assert [(at, error.reason_code) for at, error in result.refused] == [(1, "ATTRIBUTE_NOT_ALLOWED")]


def test_another_event_under_a_used_id_is_refused_and_not_swallowed(start: Callable[[], Service], event: Make) -> None:
    service = start()
    service.stage.append_events([event(1)])
    other = replace(event(1), outcome=Outcome.REFUSED)
    twin = replace(event(2), outcome=Outcome.REFUSED)
    result = service.stage.append_events([other, event(2), twin])
    assert [(at, error.reason_code) for at, error in result.refused] == [(0, "EVENT_ID_REUSED"), (2, "EVENT_ID_REUSED")]
    assert (result.new, result.tree_size) == (1, 2)


@pytest.mark.parametrize("size_indexed", [0, 1, 255, 256, 300, 599])
def test_a_kill_between_checkpoint_and_index_leaves_every_event_once(
    size_indexed: int, start: Callable[[], Service], event: Make, tmp_path: Path
) -> None:
    service = start()
    service.stage.append_events([event(i) for i in range(size_indexed)])
    service.close()
    shutil.copy(tmp_path / "index.sqlite", tmp_path / "behind.sqlite")
    service = start()
    service.stage.append_events([event(i) for i in range(600)])
    service.close()
    shutil.copy(tmp_path / "behind.sqlite", tmp_path / "index.sqlite")
    service = start()
    result = service.stage.append_events([event(i) for i in range(605)])
    assert (result.new, result.duplicates) == (5, 600)
    assert service.numbers() == list(range(605))


def test_a_log_that_grew_behind_the_index_is_noticed_at_the_next_batch(
    start: Callable[[], Service], event: Make
) -> None:
    service = start()
    service.log.append([encode_entry(event(1))])
    assert service.stage.append_events([event(1)]).duplicates == 1


@pytest.mark.parametrize("damage", [b"", b"not a database, and long enough to be read as one" * 100])
def test_a_lost_or_damaged_index_is_rebuilt(
    damage: bytes, start: Callable[[], Service], event: Make, tmp_path: Path
) -> None:
    service = start()
    service.stage.append_events([event(i) for i in range(300)])
    service.close()
    (tmp_path / "index.sqlite").write_bytes(damage)
    service = start()
    assert service.stage.append_events([event(i) for i in range(300)]).duplicates == 300


def test_an_index_with_a_damaged_page_is_rebuilt(start: Callable[[], Service], event: Make, tmp_path: Path) -> None:
    service = start()
    service.stage.append_events([event(i) for i in range(300)])
    service.close()
    path = tmp_path / "index.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    service = start()
    assert service.stage.append_events([event(i) for i in range(300)]).duplicates == 300
    assert service.numbers() == list(range(300))


def move_in_index(path: Path, leaf_index: int, to: int) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE event SET leaf_index = ? WHERE leaf_index = ?", (to, leaf_index))
    database.close()


@pytest.mark.parametrize("leaf_index", [0, 7, 5_000_000])
def test_an_index_that_lies_does_not_swallow_an_event(
    leaf_index: int, start: Callable[[], Service], event: Make, tmp_path: Path
) -> None:
    service = start()
    service.stage.append_events([event(i) for i in range(10)])
    service.close()
    move_in_index(tmp_path / "index.sqlite", 3, leaf_index)
    service = start()
    with pytest.raises(Integrity) as caught:
        service.stage.append_events([event(3)])
    assert caught.value.reason_code == "INDEX_WRONG"


def test_a_log_cut_back_or_replaced_is_not_continued(start: Callable[[], Service], event: Make, tmp_path: Path) -> None:
    service = start()
    service.stage.append_events([event(i) for i in range(10)])
    service.close()
    shutil.copytree(tmp_path / "log", tmp_path / "older")
    service = start()
    service.stage.append_events([event(10)])
    service.close()
    shutil.rmtree(tmp_path / "log")
    shutil.copytree(tmp_path / "older", tmp_path / "log")
    with pytest.raises(Integrity) as caught:
        start()
    assert caught.value.reason_code == "LOG_ROLLED_BACK"
    shutil.copy(tmp_path / "index.sqlite", tmp_path / "kept.sqlite")
    (tmp_path / "index.sqlite").unlink()
    start().stage.append_events([event(i) for i in range(100, 120)])
    start().close()
    shutil.copy(tmp_path / "kept.sqlite", tmp_path / "index.sqlite")
    with pytest.raises(Integrity) as caught:
        start()
    assert caught.value.reason_code == "LOG_REPLACED"


def test_a_log_with_an_event_twice_is_not_continued(open_log: Open, event: Make, tmp_path: Path) -> None:
    with open_log() as log:
        log.append([encode_entry(event(1)), encode_entry(event(1))])
    with pytest.raises(Integrity) as caught:
        Service(open_log, tmp_path / "index.sqlite")
    assert caught.value.reason_code == "EVENT_TWICE_IN_LOG"


def test_an_index_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        EventIndex(tmp_path / "absent" / "index.sqlite")


def test_the_index_is_for_its_owner_only(start: Callable[[], Service], tmp_path: Path) -> None:
    start()
    assert {p.stat().st_mode & 0o777 for p in tmp_path.glob("index.sqlite*")} == {0o600}
