"""The right-hand edge of the tree: all that a writer must hold to append. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from staithe.audit.merkle import complete_root, fold_peaks, leaf_hash
from staithe.audit.tiles import ENTRIES, TILE_HEIGHT, TILE_WIDTH, Tile, pack_entries


@dataclass(frozen=True, slots=True)
class Edge:
    """A tree's size, the entries of its partial bundle, and the hashes of the partial tile of each level."""

    size: int = 0
    entries: tuple[bytes, ...] = ()
    levels: tuple[tuple[bytes, ...], ...] = ()

    def root(self) -> bytes:
        """The root of the tree (RFC 6962)."""
        return fold_peaks([peak for level in reversed(self.levels) for peak in _peaks(level)])

    def extended(self, added: Sequence[bytes]) -> tuple["Edge", list[tuple[Tile, bytes]]]:
        """The edge after `added` entries, and every tile and bundle that this completes or changes."""
        full, rest = _cut([*self.entries, *added])
        first = self.size // TILE_WIDTH
        files = [(Tile(ENTRIES, first + i), pack_entries(bundle)) for i, bundle in enumerate(full)]
        if rest:
            files.append((Tile(ENTRIES, first + len(full), len(rest)), pack_entries(rest)))
        entries = tuple(rest)

        levels = list(self.levels)
        rising, level = [leaf_hash(entry) for entry in added], 0
        while rising:
            if level == len(levels):
                levels.append(())
            first = (self.size >> TILE_HEIGHT * level) // TILE_WIDTH
            full, rest = _cut([*levels[level], *rising])
            files += [(Tile(level, first + i), b"".join(tile)) for i, tile in enumerate(full)]
            if rest:
                files.append((Tile(level, first + len(full), len(rest)), b"".join(rest)))
            levels[level] = tuple(rest)
            rising, level = [complete_root(tile) for tile in full], level + 1
        return Edge(self.size + len(added), entries, tuple(levels)), files


def _cut(row: list[bytes]) -> tuple[list[list[bytes]], list[bytes]]:
    """Whole tiles, and what is left."""
    whole = len(row) // TILE_WIDTH * TILE_WIDTH
    return [row[i : i + TILE_WIDTH] for i in range(0, whole, TILE_WIDTH)], row[whole:]


def _peaks(row: Sequence[bytes]) -> list[bytes]:
    """The complete subtrees of a partial tile, from the largest to the smallest."""
    peaks, start = [], 0
    while start < len(row):
        width = 1 << (len(row) - start).bit_length() - 1
        peaks.append(complete_root(row[start : start + width]))
        start += width
    return peaks
