"""Power cuts and failing disks at every single step of an append, judged by the separate verifier."""

import contextlib
import errno
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from staithe.audit.dedup import EventIndex
from staithe.audit.files import LogFiles
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.stage import AppendStage
from staithe.audit.verify import verify_files, verify_log
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import AuditEvent

ORIGIN = "audit.example/test"
Entries = Callable[[int, int], list[bytes]]
BATCHES = [(0, 3), (3, 8), (250, 262), (255, 256), (256, 257), (200, 530)]
"""Sizes before and after the batch that fails: inside a bundle, over its end, exactly at it, over several."""


class PowerCut(Exception):
    """The machine stops: nothing after this happens."""


@dataclass(eq=False)
class Inode:
    now: bytes = b""
    synced: bytes | None = None


@dataclass
class FakeDisk:
    """A disk that forgets: content until the file is synced, names until their folder is."""

    cut_at: int | None = None
    steps: int = 0
    names_now: dict[str, Inode | None] = field(default_factory=dict)
    names_synced: dict[str, Inode | None] = field(default_factory=dict)
    checkpoints_seen: set[bytes] = field(default_factory=set)

    def _step(self) -> None:
        visible = self.names_now.get("checkpoint")
        if visible is not None:
            self.checkpoints_seen.add(visible.now)
        self.steps += 1
        if self.steps == self.cut_at:
            raise PowerCut

    def create(self) -> None:
        pass

    def lock(self, path: str) -> None:
        pass

    def unlock(self) -> None:
        pass

    def read(self, path: str, bytes_max: int) -> bytes | None:
        inode = self.names_now.get(path)
        return None if inode is None else inode.now[:bytes_max]

    def walk(self) -> Iterator[str]:
        yield from (path for path, inode in self.names_now.items() if inode is not None)

    def names(self, folder: str) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.names_now if path.rpartition("/")[0] == folder)

    def make_folder(self, folder: str) -> None:
        self._step()
        self.names_now.setdefault(folder, None)

    def write(self, path: str, content: bytes) -> None:
        self._step()
        inode = self.names_now.get(path) or Inode()
        inode.now = b""
        self.names_now[path] = inode
        for part in (content[: len(content) // 2], content):
            self._step()
            inode.now = part
        self._step()
        inode.synced = content

    def rename(self, source: str, target: str) -> None:
        self._step()
        self.names_now[target] = self.names_now.pop(source)

    def sync_folder(self, folder: str) -> None:
        self._step()
        inside = {path for path in {*self.names_now, *self.names_synced} if path.rpartition("/")[0] == folder}
        for path in inside:
            if path in self.names_now:
                self.names_synced[path] = self.names_now[path]
            else:
                self.names_synced.pop(path, None)

    def remove(self, path: str) -> None:
        self._step()
        self.names_now.pop(path, None)

    def remove_folder(self, folder: str) -> None:
        self._step()
        self.names_now.pop(folder, None)

    def after_power_cut(self, keep: Callable[[], bool]) -> dict[str, bytes | None]:
        """What the next start finds; `keep` decides for each unsynced name and content whether it made it."""
        found: dict[str, bytes | None] = {}
        for path in sorted({*self.names_now, *self.names_synced}):  # a folder sorts before what is in it
            parent = path.rpartition("/")[0]
            names = self.names_now if keep() else self.names_synced
            if path in names and (not parent or parent in found):
                inode = names[path]
                found[path] = None if inode is None else self._content(inode, keep)
        return found

    @staticmethod
    def _content(inode: Inode, keep: Callable[[], bool]) -> bytes:
        if inode.synced is not None and not keep():
            return inode.synced
        return inode.now if keep() else inode.now[: len(inode.now) // 2] if inode.synced is None else inode.synced

    @classmethod
    def holding(cls, content: dict[str, bytes | None], cut_at: int | None = None) -> "FakeDisk":
        disk = cls(cut_at)
        disk.names_now = {path: None if data is None else Inode(data, data) for path, data in content.items()}
        disk.names_synced = dict(disk.names_now)
        return disk


def fates(seed: int) -> Iterator[Callable[[], bool]]:
    """All unsynced data lost, all of it kept, and four mixtures."""
    yield lambda: False
    yield lambda: True
    for mixture in range(4):
        dice = random.Random(f"{seed}/{mixture}")  # noqa: S311
        yield lambda dice=dice: dice.random() < 0.5  # type: ignore[misc]


def open_on(disk: FakeDisk, signer: Signer) -> TransparencyLog:
    return TransparencyLog(Path("log"), signer, ORIGIN, open_files=lambda _: disk)


def judge(disk: FakeDisk, signer: Signer, allowed: set[int], expected: list[bytes], seen: set[bytes]) -> int:
    """Open, check and use the log; returns the size it was found with."""
    log = open_on(disk, signer)
    size = log.size
    assert size in allowed
    report = verify_files(disk, log.key)
    assert (report.problems, report.size, report.unpublished_files) == ([], size, 0)
    assert list(log.reader().entries()) == expected[:size]
    for note in seen:
        head = open_checkpoint(note, log.key)
        assert log.reader().root_at(head.size) == head.root  # nobody holds a checkpoint that was taken back
    log.append([b"after"])
    return size


def checkpoint_at(size: int, signer: Signer, entries: Entries) -> dict[str, bytes | None]:
    disk = FakeDisk()
    log = open_on(disk, signer)
    if size:
        log.append(entries(0, size))
    return disk.after_power_cut(lambda: False)


@pytest.mark.parametrize(("before", "after"), BATCHES)
def test_a_power_cut_at_any_step_of_an_append_loses_nothing_acknowledged(
    before: int, after: int, signer: Signer, entries: Entries
) -> None:
    start = checkpoint_at(before, signer, entries)
    expected = entries(0, after)
    sizes: set[int] = set()
    judged: list[object] = []
    for cut_at in itertools.count(1):
        disk = FakeDisk.holding(start, cut_at)
        allowed = {before, after}
        with contextlib.suppress(PowerCut):
            open_on(disk, signer).append(expected[before:])
            allowed = {after}
        for fate in fates(cut_at):
            found = disk.after_power_cut(fate)
            case = (found, allowed, set(disk.checkpoints_seen))
            if case not in judged:
                judged.append(case)
                sizes.add(judge(FakeDisk.holding(found), signer, allowed, expected, disk.checkpoints_seen))
        if disk.steps < cut_at:
            break
    assert sizes == {before, after}
    assert cut_at > 30


def test_a_power_cut_at_any_step_of_the_recovery_from_a_power_cut_is_survived(signer: Signer, entries: Entries) -> None:
    before, after = 5, 8
    start = checkpoint_at(before, signer, entries)
    expected = entries(0, after)
    tried: list[object] = []
    finished = False
    for cut_at in itertools.count(1):
        if finished:
            break
        disk = FakeDisk.holding(start, cut_at)
        with contextlib.suppress(PowerCut):
            open_on(disk, signer).append(expected[before:])
        finished = disk.steps < cut_at
        found = disk.after_power_cut(lambda: True)
        if found in tried:
            continue
        tried.append(found)
        for second_cut_at in itertools.count(1):
            second = FakeDisk.holding(found, second_cut_at)
            with contextlib.suppress(PowerCut):
                open_on(second, signer)
            seen = disk.checkpoints_seen | second.checkpoints_seen
            survivor = FakeDisk.holding(second.after_power_cut(lambda: False))
            judge(survivor, signer, {before, after}, expected, seen)
            if second.steps < second_cut_at:
                break
    assert len(tried) > 10


HEALTHY = 1 << 62


class FaultyFiles(LogFiles):
    """Real files on which the k-th step fails, and the next ones up to `failures`; not synced, to be fast."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.countdown = HEALTHY
        self.failures = 1
        self.error = errno.ENOSPC

    def _step(self) -> bool:
        self.countdown -= 1
        return -self.failures < self.countdown <= 0

    def _fail(self) -> None:
        raise OSError(self.error, "injected")

    def make_folder(self, folder: str) -> None:
        if self._step():
            self._fail()
        super().make_folder(folder)

    def write(self, path: str, content: bytes) -> None:
        if self._step():
            (self.folder / path).write_bytes(content[: len(content) // 2])
            self._fail()
        (self.folder / path).write_bytes(content)

    def rename(self, source: str, target: str) -> None:
        if self._step():
            self._fail()
        super().rename(source, target)
        if self._step():  # it happened, and the caller was told that it did not
            self._fail()

    def sync_folder(self, folder: str) -> None:  # noqa: ARG002 - the port's signature
        if self._step():
            self._fail()

    def remove(self, path: str) -> None:
        if self._step():
            self._fail()
        super().remove(path)


@pytest.mark.parametrize(("error", "failures"), [(errno.ENOSPC, 1), (errno.EIO, 7)])
def test_a_disk_that_fails_at_any_step_and_heals_leaves_every_event_once(
    error: int, failures: int, signer: Signer, tmp_path: Path, event: Callable[[int], AuditEvent]
) -> None:
    vkey = str(VerifierKey(ORIGIN, signer.public_key))
    refused, reasons = 0, set()
    for failing_step in range(1, 34):
        folder = tmp_path / str(failing_step)
        index = EventIndex(tmp_path / f"{failing_step}.index")
        files = FaultyFiles(folder / "log")
        with TransparencyLog(folder / "log", signer, ORIGIN, open_files=lambda _, files=files: files) as log:  # type: ignore[misc]
            stage = AppendStage(log, index)
            stage.append_events([event(i) for i in range(250)])
            files.countdown, files.failures, files.error = failing_step, failures, error
            batch = [event(i) for i in range(245, 260)]
            new = 0
            for _ in range(failures + 1):
                try:
                    new = stage.append_events(batch).new
                    break
                except Unavailable as caught:
                    reasons.add(caught.reason_code)
                    refused += 1
            assert new in (10, 0)  # 0 when the failed try had published after all
            files.countdown = HEALTHY
            again = stage.append_events([*batch, event(260)])
            assert (again.new, again.duplicates, again.tree_size) == (1, 15, 261)
        index.close()
        report = verify_log(folder / "log", vkey)
        assert (report.problems, report.size, report.unpublished_files) == ([], 261, 0)
    assert refused > 20
    assert reasons == {"LOG_DISK_FULL" if error == errno.ENOSPC else "LOG_DISK_FAILED"}


def test_a_full_disk_leaves_no_checkpoint_that_its_files_do_not_bear_out(
    signer: Signer, tmp_path: Path, entries: Entries
) -> None:
    key = VerifierKey(ORIGIN, signer.public_key)
    files = FaultyFiles(tmp_path / "log")
    with TransparencyLog(tmp_path / "log", signer, ORIGIN, open_files=lambda _: files) as log:
        log.append(entries(0, 300))
        for failing_step in range(1, 12):
            files.countdown, files.failures = failing_step, 1_000
            with pytest.raises(Unavailable):
                log.append(entries(300, 600))
            report = verify_log(tmp_path / "log", str(key))
            assert (report.problems, report.size) == ([], 300)
            files.countdown = HEALTHY
            log.recover()
        log.append(entries(300, 600))
        assert open_checkpoint(log.checkpoint, key).size == 600


def test_a_checkpoint_published_by_a_failed_append_is_never_taken_back(
    signer: Signer, tmp_path: Path, entries: Entries
) -> None:
    published = 0
    for failing_step in range(1, 34):
        files = FaultyFiles(tmp_path / str(failing_step))
        with TransparencyLog(files.folder, signer, ORIGIN, open_files=lambda _, files=files: files) as log:  # type: ignore[misc]
            log.append(entries(0, 5))
            files.countdown = failing_step
            with contextlib.suppress(Unavailable):
                log.append(entries(5, 8))
            files.countdown = HEALTHY
            seen = (files.folder / "checkpoint").read_bytes()
            published += open_checkpoint(seen, log.key).size == 8
            log.append(entries(100, 102))
            report = verify_log(files.folder, str(log.key), kept_checkpoint=seen)
            assert report.problems == []
    assert 0 < published < 33
