"""Checking a log folder with nothing but its verifier key: every entry, every tile, the root and the signature.

Recomputes the whole tree from the entries in one pass, in memory that does not grow with the log, and compares
every file in the folder with it. Shares only the hash functions and the path layout with the writer.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from staithe.audit.entries_check import EntriesCheck
from staithe.audit.files import Files, LogFiles
from staithe.audit.limits import PROBLEMS_MAX
from staithe.audit.merkle import HASH_BYTES, CompactRange, complete_root, leaf_hash
from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.audit.reader import read_checkpoint
from staithe.audit.tiles import (
    CHECKPOINT,
    ENTRIES,
    TILE_WIDTH,
    WRITER,
    Tile,
    level_count,
    pack_entries,
    parse_path,
    split_hashes,
    unpack_entries,
)
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
    folder: Path, vkey_text: str, progress: Progress | None = None, *, kept_checkpoint: bytes | None = None
) -> VerificationReport:
    """Check the whole log in `folder` against its verifier key, and against a checkpoint kept from earlier.

    Only a kept checkpoint can show that the log was cut back to an older, rightly signed state. Never raises for
    what is in the folder; raises ConfigurationError when the key is malformed or there is no folder, and OSError
    when the disk cannot be read. May run while the writer appends: it checks the checkpoint that it read first.
    """
    key = VerifierKey.parse(vkey_text)
    if not folder.is_dir():
        raise ConfigurationError(f"there is no log folder at {folder}", reason_code="LOG_FOLDER_MISSING")
    return verify_files(LogFiles(folder), key, progress, kept_checkpoint=kept_checkpoint)


def verify_files(
    files: Files, key: VerifierKey, progress: Progress | None = None, *, kept_checkpoint: bytes | None = None
) -> VerificationReport:
    """`verify_log` on any kind of folder."""
    started = time.perf_counter()
    report = VerificationReport()
    try:
        head = open_checkpoint(read_checkpoint(files), key)
    except Integrity as error:
        report.add(CHECKPOINT, error.message)
        return report
    report.origin, report.size, report.root = head.origin, head.size, head.root
    kept = _open_kept(kept_checkpoint, key, head, report)
    with contextlib.closing(_Verification(files, head, kept, report, progress or _silent)) as verification:
        verification.run()
    _look_for_strangers(files, head.size, report)
    report.seconds = time.perf_counter() - started
    return report


def _open_kept(note: bytes | None, key: VerifierKey, head: Checkpoint, report: VerificationReport) -> Checkpoint | None:
    if note is None:
        return None
    try:
        kept = open_checkpoint(note, key)
    except Integrity as error:
        report.add("kept checkpoint", error.message)
        return None
    if kept.size > head.size:
        report.add(CHECKPOINT, f"rolled back: it covers {head.size} entries, the kept one {kept.size}")
    return kept


class _Verification:
    """One pass over the leaves: `_rows` holds what each level's rightmost tile must contain so far."""

    def __init__(
        self, files: Files, head: Checkpoint, kept: Checkpoint | None, report: VerificationReport, progress: Progress
    ) -> None:
        self._files = files
        self._head = head
        self._kept = kept
        self._report = report
        self._progress = progress
        self._tree = CompactRange()
        self._rows: list[list[bytes]] = []
        self._places: list[int] = []
        self._entries_check = EntriesCheck()

    def close(self) -> None:
        """Drop what the pass remembers."""
        self._entries_check.close()

    def run(self) -> None:
        """Read all bundles from left to right, then judge the root and the partial tiles of the edge."""
        self._compare_kept()
        for index in range(-(-self._head.size // TILE_WIDTH)):
            hashes = self._bundle_hashes(index)
            if hashes is None:
                self._report.add(CHECKPOINT, f"its root cannot be recomputed past entry {index * TILE_WIDTH}")
                return
            for leaf in hashes:
                self._push(0, leaf)
                self._tree.append(leaf)
                self._compare_kept()
            self._progress(self._tree.size, self._head.size)
        for level, row in enumerate(self._rows):
            if row:
                self._compare_tile(level)
        if self._tree.root() != self._head.root:
            self._report.add(CHECKPOINT, "its root is not the root of the entries")

    def _compare_kept(self) -> None:
        kept = self._kept
        if kept and kept.size == self._tree.size and kept.root != self._tree.root():
            self._report.add(CHECKPOINT, f"forked: the first {kept.size} entries are not those of the kept checkpoint")

    def _bundle_hashes(self, index: int) -> list[bytes] | None:
        """The leaf hashes of a bundle; from the hash tile when the bundle is unusable, None when that is too."""
        width = min(self._head.size - index * TILE_WIDTH, TILE_WIDTH)
        tile = Tile(ENTRIES, index, width)
        content, file = self._read(tile)
        if content is None:
            return self._stored_hashes(index, width)
        try:
            entries = unpack_entries(content)
        except Integrity as error:
            self._report.add(file, error.message)
            return self._stored_hashes(index, width)
        allowed = TILE_WIDTH if file == Tile(ENTRIES, index).path else width
        if len(entries) != allowed:
            self._report.add(file, f"holds {len(entries)} entries, not {allowed}")
            return self._stored_hashes(index, width)
        entries = entries[:width]
        for leaf_index, problem in self._entries_check.check(index * TILE_WIDTH, entries):
            self._report.add(file, f"entry {leaf_index} {problem}")
        self._compare_partials(tile, lambda narrow: pack_entries(entries[:narrow]))
        return [leaf_hash(entry) for entry in entries]

    def _stored_hashes(self, index: int, width: int) -> list[bytes] | None:
        content, _ = self._read(Tile(0, index, width))
        usable = content is not None and len(content) >= width * HASH_BYTES and not len(content) % HASH_BYTES
        return split_hashes(content)[:width] if content is not None and usable else None

    def _push(self, level: int, value: bytes) -> None:
        if level == len(self._rows):
            self._rows.append([])
            self._places.append(0)
        row = self._rows[level]
        row.append(value)
        if len(row) == TILE_WIDTH:
            self._compare_tile(level)
            self._places[level] += 1
            self._rows[level] = []
            self._push(level + 1, complete_root(row))

    def _compare_tile(self, level: int) -> None:
        row = self._rows[level]
        tile = Tile(level, self._places[level], len(row))
        content, file = self._read(tile)
        if content is not None:
            wide = file != tile.path  # the full tile in the place of a partial one that is gone
            self._compare(file, content[: len(row) * HASH_BYTES] if wide else content, row)
        self._compare_partials(tile, lambda narrow: b"".join(row[:narrow]))

    def _compare(self, file: str, content: bytes, row: list[bytes]) -> None:
        if len(content) != len(row) * HASH_BYTES:
            self._report.add(file, f"holds {len(content)} bytes, not {len(row) * HASH_BYTES}")
            return
        wrong = [i for i, value in enumerate(split_hashes(content)) if value != row[i]]
        if wrong:
            self._report.add(file, f"{len(wrong)} of {len(row)} hashes are wrong, the first at position {wrong[0]}")

    def _compare_partials(self, tile: Tile, expected: Callable[[int], bytes]) -> None:
        """Compare the older partial tiles at a place; those past the checkpoint are counted elsewhere."""
        for name in self._files.names(tile.partial_folder):
            narrow = parse_path(f"{tile.partial_folder}/{name}")
            if narrow is None or narrow.width >= tile.width:
                continue
            content = self._read_one(narrow)
            if content is not None and content != expected(narrow.width):
                self._report.add(narrow.path, "is not the beginning of the tile that replaced it")

    def _read(self, tile: Tile) -> tuple[bytes | None, str]:
        """The content of a tile and the file it came from: the full tile may have replaced a partial one."""
        known_problems = self._report.problem_count
        for candidate in dict.fromkeys((tile, Tile(tile.level, tile.index))):
            content = self._read_one(candidate)
            if content is not None:
                return content, candidate.path
        if self._report.problem_count == known_problems:
            self._report.add(tile.path, "is missing")
        return None, tile.path

    def _read_one(self, tile: Tile) -> bytes | None:
        try:
            return self._files.read(tile.path, tile.bytes_max)
        except Integrity as error:
            self._report.add(tile.path, error.message.removeprefix(f"{tile.path} "))
            return None


def _look_for_strangers(files: Files, size: int, report: VerificationReport) -> None:
    """Report files that no log has, and count those that lie past the checkpoint."""
    for path in files.walk():
        tile = parse_path(path)
        if tile is not None:
            report.unpublished_files += tile.index * TILE_WIDTH + tile.width > level_count(tile.level, size)
        elif path != CHECKPOINT and not path.startswith(f"{WRITER}/"):
            report.add(path, "is not a file of a log")


def _silent(_done: int, _total: int) -> None:
    pass
