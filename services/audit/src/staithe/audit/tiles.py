"""Where everything lies in the log's folder, and how entries are packed: C2SP tlog-tiles.

`checkpoint`, `tile/<L>/<N>[.p/<W>]` for hashes, `tile/entries/<N>[.p/<W>]` for entries. Beside these the
writer keeps its own files under `writer/`, which nobody else needs.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from staithe.audit.limits import ENTRY_BYTES_MAX
from staithe.audit.merkle import HASH_BYTES
from staithe.kernel.errors import Integrity

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
ENTRIES: Final = -1
"""The pseudo level of entry bundles; they have the shape of level 0."""
CHECKPOINT: Final = "checkpoint"
TILES: Final = "tile"
WRITER: Final = "writer"

BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
_LENGTH: Final = struct.Struct(">H")
_PATH: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile, or entry bundle (level ENTRIES): its place, and how many hashes or entries it holds."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Its file, relative to the log's folder."""
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return self._full_path + partial

    @property
    def partial_folder(self) -> str:
        """The folder of the partial tiles at its place."""
        return f"{self._full_path}.p"

    @property
    def bytes_max(self) -> int:
        """The most bytes its file can have."""
        return BUNDLE_BYTES_MAX if self.level == ENTRIES else self.width * HASH_BYTES

    @property
    def _full_path(self) -> str:
        name = "entries" if self.level == ENTRIES else str(self.level)
        elements, rest = [f"{self.index % 1000:03d}"], self.index // 1000
        while rest:
            elements.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        return f"{TILES}/{name}/{'/'.join(elements)}"


def parse_path(path: str) -> Tile | None:
    """The tile whose file `path` is, or None when no tile is ever written there."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    name, upper, last, width = match.groups()
    index = int(upper.replace("x", "").replace("/", "") + last)
    tile = Tile(ENTRIES if name == "entries" else int(name), index, int(width) if width else TILE_WIDTH)
    return tile if tile.path == path else None


def level_counts(size: int) -> list[int]:
    """How many hashes each tile level of a tree of `size` leaves has, from the leaves up."""
    counts = []
    while size:
        counts.append(size)
        size >>= TILE_HEIGHT
    return counts


def level_count(level: int, size: int) -> int:
    """How many entries (ENTRIES) or hashes `level` has in a tree of `size` leaves."""
    return size >> TILE_HEIGHT * max(level, 0)


def edge_tiles(size: int) -> Iterator[Tile]:
    """The partial tiles and the partial bundle of a tree of `size` leaves."""
    for level in range(ENTRIES, len(level_counts(size))):
        index, width = divmod(level_count(level, size), TILE_WIDTH)
        if width:
            yield Tile(level, index, width)


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def unpack_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle; raises Integrity when its lengths do not add up."""
    entries, position, end = [], 0, len(bundle)
    while position < end:
        start = position + _LENGTH.size
        if start > end:
            raise Integrity("the entry bundle ends inside a length", reason_code="BUNDLE_MALFORMED")
        position = start + _LENGTH.unpack_from(bundle, position)[0]
        if position > end:
            raise Integrity("the entry bundle ends inside an entry", reason_code="BUNDLE_MALFORMED")
        entries.append(bundle[start:position])
    return entries


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile; raises Integrity when it does not hold whole hashes."""
    if len(tile) % HASH_BYTES:
        raise Integrity("the tile does not hold whole hashes", reason_code="TILE_MALFORMED")
    return [tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES)]
