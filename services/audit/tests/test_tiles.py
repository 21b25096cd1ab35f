import pytest

from staithe.audit.tiles import (
    ENTRIES,
    Tile,
    edge_tiles,
    level_counts,
    pack_entries,
    parse_path,
    split_hashes,
    unpack_entries,
)
from staithe.kernel.errors import Integrity

PATHS = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 0, 1): "tile/0/000.p/1",
    Tile(1, 1_234_067): "tile/1/x001/x234/067",
    Tile(63, 1000, 255): "tile/63/x001/000.p/255",
    Tile(ENTRIES, 999): "tile/entries/999",
    Tile(ENTRIES, 273, 112): "tile/entries/273.p/112",
}


@pytest.mark.parametrize(("tile", "path"), PATHS.items())
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/64/000",
        "tile/00/000",
        "tile/0/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/5.tmp",
        "tile/data/000",
        "tile/0/001/000",
        "x/tile/0/000",
        "tile/0/000/",
        "checkpoint",
    ],
)
def test_a_path_that_no_tile_has_is_not_parsed(path: str) -> None:
    assert parse_path(path) is None


def test_the_tree_of_seventy_thousand_entries_has_the_tiles_of_the_specification() -> None:
    assert level_counts(70_000) == [70_000, 273, 1]
    edge = [Tile(ENTRIES, 273, 112), Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(edge_tiles(70_000)) == edge
    assert list(edge_tiles(256)) == [Tile(1, 0, 1)]
    assert list(edge_tiles(0)) == []


def test_entries_come_out_of_a_bundle_as_they_went_in() -> None:
    entries = [b"a", b"b" * 65_535, b"c" * 300]
    assert unpack_entries(pack_entries(entries)) == entries


def test_a_bundle_cut_anywhere_else_than_between_entries_is_refused() -> None:
    bundle = pack_entries([b"abc", b"de"])
    for end in (1, 2, 3, 4, 6, 7, 8):
        with pytest.raises(Integrity):
            unpack_entries(bundle[:end])


def test_a_tile_with_part_of_a_hash_is_refused() -> None:
    with pytest.raises(Integrity):
        split_hashes(b"x" * 33)
