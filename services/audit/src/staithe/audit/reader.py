"""Reading a published log: tiles, entries, and the hashes that proofs are made of."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Protocol

from staithe.audit.kept import KEPT_ENTRIES, unpack_kept
from staithe.audit.limits import BUNDLES_CACHED_MAX, KEPT_BYTES_MAX, NOTE_BYTES_MAX, TILES_CACHED_MAX
from staithe.audit.merkle import HASH_BYTES, complete_root, root_at
from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.audit.tiles import (
    CHECKPOINT,
    ENTRIES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    level_count,
    split_hashes,
    unpack_entries,
)
from staithe.kernel.errors import Integrity


class ReadableFiles(Protocol):
    """The files of a log wherever they lie: in a folder, or behind an address."""

    def read(self, path: str, bytes_max: int) -> bytes | None:
        """The content of a file, None when there is none; Integrity when it is larger or not a regular file."""
        ...


class LogReader:
    """The log as of one checkpoint. It trusts the files: what it returns is proven by the proofs made from it."""

    def __init__(self, files: ReadableFiles, checkpoint: Checkpoint) -> None:
        self._files = files
        self.checkpoint = checkpoint
        self.hashes = lru_cache(maxsize=TILES_CACHED_MAX)(self._read_hashes)
        self._bundles = lru_cache(maxsize=BUNDLES_CACHED_MAX)(self.bundle)

    def tile(self, level: int, index: int) -> bytes:
        """The content of the tile (or bundle) at a place, as wide as the checkpoint needs; Integrity when missing."""
        width = min(level_count(level, self.checkpoint.size) - index * TILE_WIDTH, TILE_WIDTH)
        if width <= 0:
            raise ValueError("the tile is not in the tree")
        tile = Tile(level, index, width)
        content = self._files.read(tile.path, tile.bytes_max)
        if content is None and width < TILE_WIDTH:  # a partial tile may go once the full one is there
            full = Tile(level, index)
            content = self._files.read(full.path, full.bytes_max)
            if content is not None and level != ENTRIES:
                content = content[: width * HASH_BYTES]
        if content is None:
            raise Integrity(f"{tile.path} is missing", reason_code="LOG_FILE_MISSING")
        if level != ENTRIES and len(content) != width * HASH_BYTES:
            raise Integrity(f"{tile.path} has the wrong number of hashes", reason_code="TILE_MALFORMED")
        return content

    def bundle(self, index: int) -> list[bytes]:
        """The entries of a bundle, as many as the checkpoint covers; Integrity when there are not so many."""
        width = min(self.checkpoint.size - index * TILE_WIDTH, TILE_WIDTH)
        entries = unpack_entries(self.tile(ENTRIES, index))
        if len(entries) not in (width, TILE_WIDTH):
            path = Tile(ENTRIES, index, width).path
            raise Integrity(f"{path} has the wrong number of entries", reason_code="BUNDLE_MALFORMED")
        return entries[:width]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The entries of the leaves [start, stop), one bundle in memory at a time."""
        end = self.checkpoint.size if stop is None else min(stop, self.checkpoint.size)
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = index * TILE_WIDTH
            yield from self.bundle(index)[max(start - first, 0) : end - first]

    def numbered(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Leaf index and entry of all that is there from `start` on: of a pruned log, kept entries and the rest."""
        minimum = self.minimum_index
        yield from ((leaf, entry) for leaf, entry in self.kept.items() if start <= leaf < minimum)
        first = max(start, minimum)
        yield from enumerate(self.entries(first), first)

    @cached_property
    def minimum_index(self) -> int:
        """The first leaf whose bundle is there, 0 unless the log was pruned; `audit verify` tells whether it may be."""
        low, high = -1, self.checkpoint.size // TILE_WIDTH  # bundles up to low are missing; the one at high is there
        if not high or self._has_bundle(0):
            return 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._has_bundle(middle) else (middle, high)
        return high * TILE_WIDTH

    @cached_property
    def kept(self) -> dict[int, bytes]:
        """What stays of the pruned entries, by leaf, in order; Integrity when the file is malformed."""
        content = self._files.read(KEPT_ENTRIES, KEPT_BYTES_MAX) if self.minimum_index else None
        return dict(unpack_kept(content or b""))

    def entry(self, leaf_index: int) -> bytes:
        """The entry of one leaf; ValueError when it is not in the tree, Integrity when it was pruned."""
        try:
            return self._bundles(leaf_index // TILE_WIDTH)[leaf_index % TILE_WIDTH]
        except Integrity:
            if leaf_index >= self.minimum_index:
                raise
        entry = self.kept.get(leaf_index)
        if entry is None:
            raise Integrity(f"entry {leaf_index} was pruned; its hash is there", reason_code="ENTRY_PRUNED")
        return entry

    def _has_bundle(self, index: int) -> bool:
        tile = Tile(ENTRIES, index)
        return self._files.read(tile.path, tile.bytes_max) is not None

    def node(self, level: int, index: int) -> bytes:
        """A `merkle.NodeReader` over the tiles."""
        tile_level, above = divmod(level, TILE_HEIGHT)
        tile_index, start = divmod(index << above, TILE_WIDTH)
        return complete_root(self.hashes(tile_level, tile_index)[start : start + (1 << above)])

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` leaves."""
        return root_at(size, self.node)

    def _read_hashes(self, level: int, index: int) -> list[bytes]:
        return split_hashes(self.tile(level, index))


def read_checkpoint(files: ReadableFiles) -> bytes:
    """The published checkpoint's note; raises Integrity when there is none."""
    note = files.read(CHECKPOINT, NOTE_BYTES_MAX)
    if note is None:
        raise Integrity("the log has no checkpoint", reason_code="CHECKPOINT_MISSING")
    return note


def open_reader(files: ReadableFiles, key: VerifierKey) -> LogReader:
    """A reader of the log as last published; raises Integrity unless `key` signed the checkpoint."""
    return LogReader(files, open_checkpoint(read_checkpoint(files), key))
