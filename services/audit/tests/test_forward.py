"""A forwarder hands over every event, in order, and nothing of a log that changed its past."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staithe.audit.entry import encode_entry
from staithe.audit.files import LogFiles
from staithe.audit.forward import Forwarder
from staithe.audit.forward_state import Forwarding, StateFolder
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.sinks.jsonl import JsonLines
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import AccessDenied, ConfigurationError, Integrity, StaitheError, Unavailable
from staithe.kernel.events import AuditEvent

ORIGIN = "audit.example/test"
Grow = Callable[[int], Path]
Make = Callable[[int], AuditEvent]


class FakeClock:
    def now_ms(self) -> int:
        return 1_790_000_000_500

    def monotonic(self) -> float:
        return 0.0


class FakeSink:
    """Raises what is in `failures` first, one at each call; then takes what it is sent."""

    def __init__(self) -> None:
        self.taken: list[Forwarded] = []
        self.failures: list[StaitheError] = []
        self.calls = 0

    def send(self, events: list[Forwarded]) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken += events

    def close(self) -> None:
        pass

    @property
    def leaves(self) -> list[int | None]:
        return [event.leaf_index for event in self.taken]


class DyingState(StateFolder):
    """Dies where a killed process would: after the acknowledgement, before the position is on disk."""

    def save(self, forwarding: Forwarding) -> None:
        if forwarding.next_leaf > 256:
            raise KeyboardInterrupt
        super().save(forwarding)


@pytest.fixture
def log_key(signer: Signer) -> VerifierKey:
    return VerifierKey(ORIGIN, signer.public_key)


@pytest.fixture
def grow(tmp_path: Path, signer: Signer, entries: Callable[[int, int], list[bytes]]) -> Grow:
    def to(size: int) -> Path:
        with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
            for first in range(log.size, size, 1024):
                log.append(entries(first, min(first + 1024, size)))
            return log.folder

    return to


@pytest.fixture
def fork(tmp_path: Path, signer: Signer) -> Callable[[int], None]:
    """Writes another log of the same key to tmp_path/fork."""

    def write(size: int) -> None:
        with TransparencyLog(tmp_path / "fork", signer, ORIGIN) as log:
            log.append([b"another history %d" % number for number in range(size)])

    return write


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def run(tmp_path: Path, log_key: VerifierKey, sink: FakeSink) -> Callable[..., int]:
    """One life of a forwarder: opens its state, catches up, and ends."""

    def one_life(folder: Path, state_class: type[StateFolder] = StateFolder) -> int:
        state = state_class(tmp_path / "state", log_key)
        try:
            forwarder = Forwarder(LogFiles(folder), log_key, state, sink, FakeClock(), pause_seconds=0, tries=3)
            return forwarder.catch_up()
        finally:
            state.close()

    return one_life


def test_every_event_once_and_in_order_across_restarts(
    grow: Grow, run: Callable[..., int], sink: FakeSink, event: Make
) -> None:
    before = 0
    for size in (0, 1, 2, 255, 256, 257, 300, 300, 1500):
        assert run(grow(size)) == size - before
        assert sink.leaves == list(range(size))
        before = size
    assert [each.event_id for each in sink.taken] == [event(number).event_id for number in range(1500)]
    assert sink.taken[7].ocsf["metadata"]["sequence"] == 7


def test_a_sink_that_is_down_gets_everything_in_order_once_it_is_back(
    grow: Grow, run: Callable[..., int], sink: FakeSink
) -> None:
    run(grow(100))
    for size in (300, 600, 900):
        sink.failures = [Unavailable("down")] * 3
        with pytest.raises(Unavailable):
            run(grow(size))
        assert sink.leaves == list(range(100))
    sink.failures = [Unavailable("down")] * 2
    run(grow(901))
    assert sink.leaves == list(range(901))


def test_a_crash_after_the_acknowledgement_repeats_one_batch_with_the_same_leaves_and_ids(
    grow: Grow, run: Callable[..., int], sink: FakeSink
) -> None:
    run(grow(256))
    with pytest.raises(KeyboardInterrupt):
        run(grow(700), DyingState)
    assert sink.leaves == list(range(512))
    run(grow(700))
    assert sink.leaves == [*range(512), *range(256, 700)]
    assert sink.taken[256:512] == sink.taken[512:768]


@pytest.mark.parametrize("failure", [AccessDenied("no"), ConfigurationError("no")])
def test_a_refusal_is_not_tried_again_and_loses_nothing(
    failure: StaitheError, grow: Grow, run: Callable[..., int], sink: FakeSink
) -> None:
    sink.failures = [failure]
    with pytest.raises(type(failure)):
        run(grow(10))
    assert sink.calls == 1
    run(grow(10))
    assert sink.leaves == list(range(10))


@pytest.mark.parametrize(("size", "reason_code"), [(399, "LOG_ROLLED_BACK"), (400, "LOG_FORKED"), (700, "LOG_FORKED")])
def test_nothing_of_a_fork_is_forwarded_but_the_finding(  # noqa: PLR0917
    size: int, reason_code: str, fork: Callable[[int], None], grow: Grow, run: Callable[..., int], sink: FakeSink,
    tmp_path: Path,
) -> None:  # fmt: skip
    run(grow(400))
    fork(size)
    for life in (1, 2):
        with pytest.raises(Integrity) as caught:
            run(tmp_path / "fork")
        assert caught.value.reason_code == reason_code
        assert sink.leaves == [*range(400), *[None] * life]
    first, second = sink.taken[400:]
    assert first.event_id == second.event_id
    assert (first.ocsf["message"], first.ocsf["severity_id"]) == ("log.changed_its_past", 5)
    assert (tmp_path / "state" / "refused").read_bytes() == (tmp_path / "fork" / "checkpoint").read_bytes()
    run(grow(401))
    assert sink.leaves[-1] == 400


def test_a_fork_ends_the_process_also_when_the_sink_is_down(
    grow: Grow, run: Callable[..., int], sink: FakeSink, tmp_path: Path, fork: Callable[[int], None]
) -> None:
    run(grow(4))
    sink.failures = [Unavailable("down")]
    fork(5)
    with pytest.raises(Integrity):
        run(tmp_path / "fork")


@pytest.mark.parametrize("place", ["tile/entries/001.p/44", "tile/0/001.p/44", "tile/0/000", "tile/entries/000"])
def test_an_entry_that_the_checkpoint_does_not_cover_is_not_forwarded(
    place: str, grow: Grow, run: Callable[..., int], sink: FakeSink
) -> None:
    folder = grow(300)
    content = bytearray((folder / place).read_bytes())
    content[-5] ^= 1
    (folder / place).write_bytes(content)
    with pytest.raises(Integrity):
        run(folder)
    assert sink.leaves == list(range(256 if "001" in place and "entries" in place else 0))


def test_another_keys_log_is_refused(run: Callable[..., int], tmp_path: Path, sink: FakeSink) -> None:
    with TransparencyLog(tmp_path / "forged", Signer.generate(), ORIGIN) as log:
        log.append([b"x"])
    with pytest.raises(Integrity):
        run(tmp_path / "forged")
    assert sink.calls == 0


@pytest.mark.parametrize(
    "change",
    [
        {"next_leaf": 11}, {"next_leaf": -1}, {"next_leaf": "1"}, {"next_leaf": True}, {"checkpoint": "x"},
        {"checkpoint": None}, {"asked": 1}, {"asked": [1]},
    ],
)  # fmt: skip
def test_a_changed_state_is_refused(
    change: dict[str, object], grow: Grow, run: Callable[..., int], tmp_path: Path
) -> None:
    run(grow(10))
    file = tmp_path / "state" / "forwarded.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(Integrity):
        run(grow(10))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000])
def test_a_state_that_is_none_is_refused(content: str, grow: Grow, run: Callable[..., int], tmp_path: Path) -> None:
    run(grow(10))
    (tmp_path / "state" / "forwarded.json").write_text(content)
    with pytest.raises(Integrity):
        run(grow(10))


def test_two_forwarders_do_not_share_a_state(tmp_path: Path, log_key: VerifierKey) -> None:
    first = StateFolder(tmp_path / "state", log_key)
    with pytest.raises(ConfigurationError):
        StateFolder(tmp_path / "state", log_key)
    first.close()
    StateFolder(tmp_path / "state", log_key).close()


def test_an_erasure_says_whether_it_was_asked_for(
    tmp_path: Path, signer: Signer, event: Make, run: Callable[..., int], sink: FakeSink
) -> None:
    asked = replace(event(0), action="document.erasure_requested")
    erased = replace(event(1), action="document.erased", subject_sha256=asked.subject_sha256)
    unasked = replace(event(2), action="document.erased")
    for part in ([asked], [erased, unasked]):  # the request is remembered across a restart
        with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
            log.append([encode_entry(each) for each in part])
        run(tmp_path / "log")
    assert [each.ocsf["unmapped"].get("erasure_asked_for") for each in sink.taken] == [None, "true", "false"]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[JsonLines]:
    (tmp_path / "out.jsonl").write_text('{"whole":1}\n{"torn')
    sink = JsonLines(tmp_path / "out.jsonl")
    yield sink
    sink.close()


def test_a_file_gets_whole_lines_also_after_a_crash(lines: JsonLines, tmp_path: Path) -> None:
    lines.send([Forwarded(0, "a", {"n": 1}), Forwarded(1, "b", {"n": 2})])
    assert (tmp_path / "out.jsonl").read_text() == '{"whole":1}\n{"n":1}\n{"n":2}\n'


def test_a_file_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path, tmp_path / "nowhere" / "out.jsonl", tmp_path / "link"):
        with pytest.raises(ConfigurationError):
            JsonLines(path)
