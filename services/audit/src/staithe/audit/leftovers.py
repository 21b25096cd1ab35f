"""Removing what no checkpoint needs: files of a batch that was never published, and outgrown partial tiles."""

from collections.abc import Iterator

from staithe.audit.files import Files
from staithe.audit.limits import BATCH_ENTRIES_MAX
from staithe.audit.tiles import ENTRIES, TILE_WIDTH, Tile, level_count, level_counts


def remove_unpublished(files: Files, size: int) -> None:
    """Delete every tile and bundle past a tree of `size` leaves that one unpublished batch can have left.

    Also deletes the partial tiles which the last published batch outgrew, in case that was interrupted.
    """
    for tile in _places(size, size + BATCH_ENTRIES_MAX):
        count = level_count(tile.level, size)
        files.remove(tile.path)
        names = files.names(tile.partial_folder)
        past = [name for name in names if name.isdecimal() and tile.index * TILE_WIDTH + int(name) > count]
        for name in past:
            files.remove(f"{tile.partial_folder}/{name}")
        if names == past:
            files.remove_folder(tile.partial_folder)
    remove_outgrown(files, max(size - BATCH_ENTRIES_MAX, 0), size)


def remove_outgrown(files: Files, old_size: int, size: int) -> None:
    """Delete the partial tiles at places that became full between two published sizes."""
    for tile in _places(old_size, size):
        if (tile.index + 1) * TILE_WIDTH <= level_count(tile.level, size):
            for name in files.names(tile.partial_folder):
                files.remove(f"{tile.partial_folder}/{name}")
            files.remove_folder(tile.partial_folder)


def _places(old_size: int, size: int) -> Iterator[Tile]:
    """The places of all tiles and bundles, full or partial, that change when a tree grows."""
    for level in range(ENTRIES, len(level_counts(size))):
        first = level_count(level, old_size) // TILE_WIDTH
        last = level_count(level, size) // TILE_WIDTH
        yield from (Tile(level, index) for index in range(first, last + 1))
