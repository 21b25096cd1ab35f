"""The transactional runtime, the Faust consumer and the table on the real broker: exactly once, whatever is killed."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checker import within
from support.live import LiveStack
from support.streams import RANDOM, Bench, events, streams

from staithe.kernel.events import DeadLettered
from staithe.kernel.stream.tail import Tail

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

RECORDS, KILLS_MIN, POISON_EVERY = 2000, 5, 50
STOP_SECONDS_MAX = 10.0
SLOT_SECONDS_MAX = 90.0


@pytest.fixture
def bench(live: LiveStack, tmp_path: Path) -> Iterator[Bench]:
    with streams(live, tmp_path) as made:
        yield made


@pytest.mark.parametrize("ahead", [False, True], ids=["one batch at a time", "next batch ahead"])
def test_kills_at_random_points_lose_and_double_nothing(bench: Bench, ahead: bool) -> None:
    bench.given["ahead"] = ahead
    sent = events(RECORDS, poison_every=POISON_EVERY)
    bench.fill(sent)
    good = [each.event_id for each in sent if not each.reason_code]
    watch, kills, seen = Tail(bench.access, [bench.given["output"]], from_beginning=True), 0, 0
    while kills < KILLS_MIN:
        mover, before = bench.run("move", "move.log"), len(bench.moved())
        deadline = time.monotonic() + SLOT_SECONDS_MAX
        while seen <= before:  # this generation has begun to move
            seen += len(watch.poll(0.05))
            assert mover.poll() is None
            assert time.monotonic() < deadline, bench.logged("move.log")[-3:]
        time.sleep(RANDOM.uniform(0.0, 0.5))
        mover.kill()
        mover.wait()
        kills += 1
        assert len(set(bench.moved())) < len(good), "all was moved before the last kill: it proved too little"
    watch.close()

    mover = bench.run("move", "move.log")
    try:
        assert within(SLOT_SECONDS_MAX, lambda: set(good) <= set(bench.moved()) and mover.poll() is None)
    finally:
        started = time.monotonic()
        mover.send_signal(signal.SIGTERM)
        assert mover.wait(STOP_SECONDS_MAX + 5) == 0
    assert time.monotonic() - started < STOP_SECONDS_MAX
    assert Counter(bench.moved()) == Counter(good)
    letters = [each for each in bench.read(f"{bench.given['input']}.dlq") if isinstance(each, DeadLettered)]
    assert len(letters) == len(sent) - len(good) == RECORDS // POISON_EVERY
    assert {each.reason_code for each in letters} == {"POISON"}
    places = poison_places(bench)
    assert sorted((each.partition, each.offset) for each in letters) == places


def poison_places(bench: Bench) -> list[tuple[int, int]]:
    """Partition and offset of every poisoned input."""
    tail = Tail(bench.access, [bench.given["input"]], from_beginning=True)
    places = []
    while not tail.finished():
        for record in tail.poll(0.5):
            event = bench.codec.decode(bench.given["input"], record.value)
            if getattr(event, "reason_code", ""):
                places.append((record.partition, record.offset))
    tail.close()
    return sorted(places)


@pytest.mark.parametrize("ahead", [False, True], ids=["one batch at a time", "next batch ahead"])
def test_outage_of_five_seconds_loses_nothing_and_keeps_membership(bench: Bench, ahead: bool) -> None:
    bench.given["ahead"] = ahead
    bench.closed.touch()
    sent = events(300)
    bench.fill(sent)
    mover = bench.run("move", "outage.log")
    try:
        assert within(SLOT_SECONDS_MAX, lambda: "retrying_in_place" in (bench.folder / "outage.log").read_text())
        time.sleep(5)
        assert bench.moved() == []
        bench.closed.unlink()
        assert within(SLOT_SECONDS_MAX, lambda: len(bench.moved()) >= len(sent))
    finally:
        bench.closed.unlink(missing_ok=True)
        mover.terminate()
        assert mover.wait(STOP_SECONDS_MAX) == 0
    assert Counter(bench.moved()) == Counter(each.event_id for each in sent)
    assert bench.read(f"{bench.given['input']}.dlq") == []
    happened = Counter(line["event"] for line in bench.logged("outage.log"))
    assert happened["partitions_gained"] == 1
    assert happened["transaction_aborted"] == 0


def test_stop_in_an_outage_is_quick_and_loses_nothing(bench: Bench) -> None:
    bench.closed.touch()
    sent = events(100)
    bench.fill(sent)
    mover = bench.run("move", "stop.log")
    assert within(SLOT_SECONDS_MAX, lambda: "retrying_in_place" in (bench.folder / "stop.log").read_text())
    started = time.monotonic()
    mover.terminate()
    assert mover.wait(STOP_SECONDS_MAX) == 0
    assert time.monotonic() - started < STOP_SECONDS_MAX
    assert bench.moved() == []
    bench.closed.unlink()
    mover = bench.run("move", "stop.log")
    assert within(SLOT_SECONDS_MAX, lambda: len(bench.moved()) >= len(sent))
    mover.terminate()
    assert mover.wait(STOP_SECONDS_MAX) == 0
    assert Counter(bench.moved()) == Counter(each.event_id for each in sent)


def test_faust_consumer_never_sees_an_aborted_transaction(bench: Bench) -> None:
    topic, batches = bench.given["input"], [events(5) for _ in range(4)]
    for number, batch in enumerate(batches):
        values = [(each.key, bench.codec.encode(topic, each)) for each in batch]
        bench.transaction(topic, values, commit=number % 2 == 1)
    assert len(bench.uncommitted_keys(topic)) == 20
    follower = bench.run("follow", "follow.log")
    committed = {each.event_id for batch in batches[1::2] for each in batch}

    def shown() -> list[str]:
        return [line for line in (bench.folder / "follow.log").read_text().splitlines() if not line.startswith("{")]

    try:
        assert within(SLOT_SECONDS_MAX, lambda: committed <= set(shown())), (bench.folder / "follow.log").read_text()
        time.sleep(1)
        assert sorted(shown()) == sorted(committed)
    finally:
        follower.terminate()
        follower.wait(20)
