"""Checking a log folder with nothing but its verifier key: every entry, every tile, the root and the signature.

Recomputes the whole tree from the entries in one pass, in memory that does not grow with the log, and compares
every file in the folder with it. Shares only the hash functions and the path layout with the writer. The bundles of
a large log are checked by several processes; what they found is put together here, from left to right.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from staithe.audit.entries_check import EntriesCheck
from staithe.audit.files import Files, LogFiles
from staithe.audit.kept import KEPT_ENTRIES, KEPT_NEXT
from staithe.audit.limits import PROBLEMS_MAX
from staithe.audit.merkle import complete_root, fold_peaks
from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader, read_checkpoint
from staithe.audit.tiles import CHECKPOINT, TILE_WIDTH, WRITER, level_count, parse_path
from staithe.audit.verify_parallel import check_bundles
from staithe.audit.verify_pruned import PrunedCheck
from staithe.audit.verify_tiles import BundleFound, TileCheck
from staithe.kernel.errors import ConfigurationError, Integrity

Progress = Callable[[int, int], None]
"""(leaves checked, leaves in all), called after every bundle."""


@dataclass(slots=True)
class VerificationReport:
    """What a verification found. `problems` are lines of `<file>: <what is wrong>`, PROBLEMS_MAX at most."""

    origin: str = ""
    size: int = 0
    root: bytes = b""
    seconds: float = 0.0
    unpublished_files: int = 0
    """Files past the checkpoint. Normal while a writer is at work or after a crash; in a finished copy they mean that
    an older checkpoint was put in the place of a newer one."""
    pruned_entries: int = 0
    """Entries whose bundles were pruned, as `pruned_by`, a later entry of the log, says. Their hashes were checked."""
    pruned_by: int | None = None
    kept_entries: int = 0
    """Pruned entries that are kept beside the log, and verify."""
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    @property
    def ok(self) -> bool:
        """Whether the log is what its key signed."""
        return not self.problem_count

    def add(self, file: str, what: str) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(f"{file}: {what}")


def verify_log(
    folder: Path,
    vkey_text: str,
    progress: Progress | None = None,
    *,
    kept_checkpoint: bytes | None = None,
    processes: int = 1,
) -> VerificationReport:
    """Check the whole log in `folder` against its verifier key, and against a checkpoint kept from earlier.

    Only a kept checkpoint can show that the log was cut back to an older, rightly signed state. Never raises for
    what is in the folder; raises ConfigurationError when the key is malformed or there is no folder, and OSError
    when the disk cannot be read. May run while the writer appends: it checks the checkpoint that it read first.
    With `processes` above 1 a large log is shared out; the caller's module must then be importable, as for
    `multiprocessing` with new interpreters.
    """
    key = VerifierKey.parse(vkey_text)
    if not folder.is_dir():
        raise ConfigurationError(f"there is no log folder at {folder}", reason_code="LOG_FOLDER_MISSING")
    files = LogFiles(folder)
    return _verify(files, key, progress, kept_checkpoint, lambda size: check_bundles(files, size, processes))


def verify_files(
    files: Files, key: VerifierKey, progress: Progress | None = None, *, kept_checkpoint: bytes | None = None
) -> VerificationReport:
    """`verify_log` on any kind of folder, in this process."""
    return _verify(files, key, progress, kept_checkpoint, lambda size: check_bundles(files, size, 1))


def _verify(
    files: Files,
    key: VerifierKey,
    progress: Progress | None,
    kept_checkpoint: bytes | None,
    bundles: Callable[[int], Iterator[BundleFound]],
) -> VerificationReport:
    started = time.perf_counter()
    report = VerificationReport()
    try:
        head = open_checkpoint(read_checkpoint(files), key)
    except Integrity as error:
        report.add(CHECKPOINT, error.message)
        return report
    report.origin, report.size, report.root = head.origin, head.size, head.root
    with contextlib.closing(_Verification(files, head, report, progress or _silent)) as verification:
        verification.run(bundles(head.size))
    if kept_checkpoint is not None:
        _compare_kept(kept_checkpoint, key, head, files, report)
    _look_for_strangers(files, head.size, report, pruned=verification.is_pruned)
    report.seconds = time.perf_counter() - started
    return report


class _Verification:
    """One pass over the bundles: `_rows` holds what each level's rightmost tile must contain so far."""

    def __init__(self, files: Files, head: Checkpoint, report: VerificationReport, progress: Progress) -> None:
        self._head, self._report, self._progress = head, report, progress
        self._check = TileCheck(files)
        self._rows: list[list[bytes]] = [[]]
        self._places: list[int] = [0]
        self._entries_check = EntriesCheck()
        self._pruned_check, self._files = PrunedCheck(), files

    def close(self) -> None:
        """Drop what the pass remembers."""
        self._entries_check.close()

    @property
    def is_pruned(self) -> bool:
        """Whether an entry of the log says that it was."""
        return self._pruned_check.newest is not None

    def run(self, bundles: Iterator[BundleFound]) -> None:
        """Take in all bundles from left to right, then judge the root and the partial tiles of the edge."""
        done = 0
        for index, found in enumerate(bundles):
            for file, what in [*found.problems, *self._pruned_check.take(index, found)]:
                self._report.add(file, what)
            for leaf_index in self._entries_check.repeated(done, found.event_ids):
                self._report.add(found.file, f"entry {leaf_index} repeats an event that is already in the log")
            if not found.usable:
                self._report.add(CHECKPOINT, f"its root cannot be recomputed past entry {done}")
                return
            if found.root is not None:
                self._push(1, found.root)
            self._rows[0] = found.hashes
            done += found.width
            self._progress(done, self._head.size)
        for level, row in enumerate(self._rows[1:], 1):
            if row:
                self._check.compare(level, self._places[level], row)
        self._take_problems()
        if self._root() != self._head.root:
            self._report.add(CHECKPOINT, "its root is not the root of the entries")
        self._judge_pruned()

    def _judge_pruned(self) -> None:
        check, report = self._pruned_check, self._report
        for file, what in check.judge(self._files, self._head):
            report.add(file, what)
        if check.absent and check.newest is not None:
            report.pruned_entries, report.pruned_by = check.absent * TILE_WIDTH, check.newest.leaf_index
        report.kept_entries = check.kept_count

    def _push(self, level: int, value: bytes) -> None:
        if level == len(self._rows):
            self._rows.append([])
            self._places.append(0)
        row = self._rows[level]
        row.append(value)
        if len(row) == TILE_WIDTH:
            self._check.compare(level, self._places[level], row)
            self._take_problems()
            self._places[level] += 1
            self._rows[level] = []
            self._push(level + 1, complete_root(row))

    def _take_problems(self) -> None:
        for file, what in self._check.problems:
            self._report.add(file, what)
        self._check.problems.clear()

    def _root(self) -> bytes:
        return fold_peaks([peak for row in reversed(self._rows) for peak in _peaks(row)])


def _peaks(row: list[bytes]) -> Iterator[bytes]:
    """The complete subtrees of a row, from the largest to the smallest."""
    start = 0
    while start < len(row):
        width = 1 << (len(row) - start).bit_length() - 1
        yield complete_root(row[start : start + width])
        start += width


def _compare_kept(note: bytes, key: VerifierKey, head: Checkpoint, files: Files, report: VerificationReport) -> None:
    """Hold the log against a checkpoint from earlier. Its tiles were compared before, so they may be relied on."""
    try:
        kept = open_checkpoint(note, key)
    except Integrity as error:
        report.add("kept checkpoint", error.message)
        return
    if kept.size > head.size:
        report.add(CHECKPOINT, f"rolled back: it covers {head.size} entries, the kept one {kept.size}")
        return
    try:
        same = LogReader(files, head).root_at(kept.size) == kept.root
    except Integrity:
        same = False
    if not same:
        report.add(CHECKPOINT, f"forked: the first {kept.size} entries are not those of the kept checkpoint")


def _look_for_strangers(files: Files, size: int, report: VerificationReport, *, pruned: bool) -> None:
    """Report files that no log has, and count those that lie past the checkpoint."""
    for path in files.walk():
        tile = parse_path(path)
        if tile is not None:
            report.unpublished_files += tile.index * TILE_WIDTH + tile.width > level_count(tile.level, size)
        elif pruned and path in {KEPT_ENTRIES, KEPT_NEXT}:
            continue
        elif path != CHECKPOINT and not path.startswith(f"{WRITER}/"):
            report.add(path, "is not a file of a log")


def _silent(_done: int, _total: int) -> None:
    pass
