"""Compares tiles and entry bundles of a folder with what they must contain; notes what is wrong with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from staithe.audit.entry import decode_entry, event_id_bytes
from staithe.audit.entry_quick import recognised_event_id
from staithe.audit.files import Files
from staithe.audit.merkle import HASH_BYTES, complete_root, leaf_hash
from staithe.audit.tiles import ENTRIES, TILE_WIDTH, Tile, pack_entries, parse_path, split_hashes, unpack_entries
from staithe.kernel.errors import Integrity
from staithe.kernel.events import Outcome

_PRUNING: Final = b'{"action":"log.pruned",'
Problem = tuple[str, str]
"""A file, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What an entry `log.pruned` says: bundles below `minimum_index` may be missing, and what stays of them."""

    leaf_index: int
    minimum_index: int
    kept_sha256: bytes
    occurred_at: int


@dataclass(slots=True)
class BundleFound:
    """What one bundle of entries is, with its tile of level 0."""

    width: int
    root: bytes | None = None
    """Of a full bundle; None when neither entries nor hashes can be used, or it is not full."""
    hashes: list[bytes] = field(default_factory=list)
    """The leaf hashes of a bundle that is not full."""
    file: str = ""
    event_ids: list[bytes | None] = field(default_factory=list)
    """The 16 bytes of each entry's event id, None for an entry that is none."""
    problems: list[Problem] = field(default_factory=list)
    absent: bool = False
    """A full bundle that is missing while its hashes are there: pruned, perhaps."""
    authorisations: list[Authorisation] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether the tree can be built on it."""
        return self.root is not None or bool(self.hashes)


class TileCheck:
    """Reads tiles and holds them against rows of hashes; `problems` grows."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.problems: list[Problem] = []

    def read(self, tile: Tile) -> tuple[bytes | None, str]:
        """The content of a tile and the file it came from: the full tile may have replaced a partial one."""
        known_problems = len(self.problems)
        for candidate in dict.fromkeys((tile, Tile(tile.level, tile.index))):
            content = self._read_one(candidate)
            if content is not None:
                return content, candidate.path
        if len(self.problems) == known_problems:
            self.problems.append((tile.path, "is missing"))
        return None, tile.path

    def compare(self, level: int, index: int, row: Sequence[bytes]) -> None:
        """Hold the tile at a place, and the partial ones it replaced, against the hashes that it must have."""
        tile = Tile(level, index, len(row))
        content, file = self.read(tile)
        if content is not None:
            wide = file != tile.path  # the full tile in the place of a partial one that is gone
            self._compare_hashes(file, content[: len(row) * HASH_BYTES] if wide else content, row)
        self.compare_partials(tile, lambda narrow: b"".join(row[:narrow]))

    def compare_partials(self, tile: Tile, expected: Callable[[int], bytes]) -> None:
        """Compare the older partial tiles at a place; those past the checkpoint are counted elsewhere."""
        for name in self._files.names(tile.partial_folder):
            narrow = parse_path(f"{tile.partial_folder}/{name}")
            if narrow is None or narrow.width >= tile.width:
                continue
            content = self._read_one(narrow)
            if content is not None and content != expected(narrow.width):
                self.problems.append((narrow.path, "is not the beginning of the tile that replaced it"))

    def _compare_hashes(self, file: str, content: bytes, row: Sequence[bytes]) -> None:
        if len(content) != len(row) * HASH_BYTES:
            self.problems.append((file, f"holds {len(content)} bytes, not {len(row) * HASH_BYTES}"))
        elif content != b"".join(row):
            wrong = [i for i, value in enumerate(split_hashes(content)) if value != row[i]]
            what = f"{len(wrong)} of {len(row)} hashes are wrong, the first at position {wrong[0]}"
            self.problems.append((file, what))

    def _read_one(self, tile: Tile) -> bytes | None:
        try:
            return self._files.read(tile.path, tile.bytes_max)
        except Integrity as error:
            self.problems.append((tile.path, error.message.removeprefix(f"{tile.path} ")))
            return None


def check_bundle(files: Files, index: int, width: int) -> BundleFound:
    """Check the entries of one bundle, each on its own, and the tile of their hashes. Whether an event is there twice
    only somebody who sees all bundles can tell."""
    check, found = TileCheck(files), BundleFound(width)
    hashes = _leaf_hashes(check, found, index)
    if hashes is not None:
        check.compare(0, index, hashes)
        if width == TILE_WIDTH:
            found.root = complete_root(hashes)
        else:
            found.hashes = hashes
    found.problems = check.problems
    return found


def _leaf_hashes(check: TileCheck, found: BundleFound, index: int) -> list[bytes] | None:
    """The leaf hashes of a bundle; from the hash tile when the bundle is unusable, None when that is too."""
    tile = Tile(ENTRIES, index, found.width)
    content, found.file = check.read(tile)
    if content is None:
        hashes = _stored_hashes(check, index, found.width)
        if check.problems == [(tile.path, "is missing")] and hashes is not None and found.width == TILE_WIDTH:
            found.absent, check.problems[:] = True, []
        return hashes
    try:
        entries = unpack_entries(content)
    except Integrity as error:
        check.problems.append((found.file, error.message))
        return _stored_hashes(check, index, found.width)
    allowed = TILE_WIDTH if found.file == Tile(ENTRIES, index).path else found.width
    if len(entries) != allowed:
        check.problems.append((found.file, f"holds {len(entries)} entries, not {allowed}"))
        return _stored_hashes(check, index, found.width)
    entries = entries[: found.width]
    for leaf_index, entry in enumerate(entries, index * TILE_WIDTH):
        found.event_ids.append(_event_id(check, found.file, leaf_index, entry))
        if entry.startswith(_PRUNING) and found.event_ids[-1] is not None:
            found.authorisations += _authorisation(leaf_index, entry)
    check.compare_partials(tile, lambda narrow: pack_entries(entries[:narrow]))
    return [leaf_hash(entry) for entry in entries]


def _authorisation(leaf_index: int, entry: bytes) -> list[Authorisation]:
    event = decode_entry(entry)
    minimum, kept = int(event.attributes.get("minimum_index", "0")), event.output_sha256
    if kept is None or event.outcome is not Outcome.SUCCESS or minimum > leaf_index:
        return []
    return [Authorisation(leaf_index, minimum, kept, event.occurred_at)]


def _event_id(check: TileCheck, file: str, leaf_index: int, entry: bytes) -> bytes | None:
    event_id = recognised_event_id(entry)
    if event_id is not None:
        return event_id
    try:
        return event_id_bytes(decode_entry(entry).event_id)
    except Integrity as error:
        check.problems.append((file, f"entry {leaf_index} is malformed ({error.reason_code})"))
        return None


def _stored_hashes(check: TileCheck, index: int, width: int) -> list[bytes] | None:
    content, _ = check.read(Tile(0, index, width))
    usable = content is not None and len(content) >= width * HASH_BYTES and not len(content) % HASH_BYTES
    return split_hashes(content)[:width] if content is not None and usable else None
