"""The log as published, for readers who come while the writer goes on: files by path, receipts, evidence.

Serves nothing past the published checkpoint, and every tile as wide as any published checkpoint needs it: a partial
tile that was replaced by the full one is cut from that.
"""

import re
from pathlib import Path
from typing import Final

from staithe.audit.bundle import EvidenceBundle
from staithe.audit.dedup import IndexFinder
from staithe.audit.files import LogFiles
from staithe.audit.gather import gather
from staithe.audit.merkle import HASH_BYTES
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader, read_checkpoint
from staithe.audit.tiles import ENTRIES, TILE_WIDTH, Tile, level_count, pack_entries, parse_path, unpack_entries

ANSWER_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class PublishedLog:
    """Reads the log's folder and its index. For one thread; every call may block on the disk."""

    def __init__(self, folder: Path, index_file: Path, key: VerifierKey) -> None:
        self._files, self._key = LogFiles(folder), key
        self._finder = IndexFinder(index_file)

    def checkpoint(self) -> bytes:
        """The signed checkpoint; raises Integrity when there is none."""
        return read_checkpoint(self._files)

    def tile(self, path: str) -> bytes | None:
        """The tile or bundle that the layout puts at `path`, None when no published checkpoint has it."""
        tile = parse_path(path)
        if tile is None:
            return None
        head = open_checkpoint(self.checkpoint(), self._key)
        count = level_count(tile.level, head.size) - tile.index * TILE_WIDTH
        if tile.width > count:
            return None
        reader = LogReader(self._files, head)
        if tile.level == ENTRIES and tile.index * TILE_WIDTH < reader.minimum_index:
            return None  # pruned
        whole = reader.tile(tile.level, tile.index)
        return _narrowed(whole, tile)

    def evidence(self, answer_id: str) -> EvidenceBundle | None:
        """The evidence of an answer under the newest checkpoint, None when the log has no such answer (yet).

        Raises Unavailable while the log lacks a step of a cited version.
        """
        if not ANSWER_ID.fullmatch(answer_id):
            return None
        note = self.checkpoint()
        reader = LogReader(self._files, open_checkpoint(note, self._key))
        return gather(answer_id, reader, note, self._finder)

    def close(self) -> None:
        """Let the index go."""
        self._finder.close()


def _narrowed(whole: bytes, tile: Tile) -> bytes:
    """The beginning of a tile as wide as asked for."""
    if tile.level == ENTRIES:
        return pack_entries(unpack_entries(whole)[: tile.width])
    return whole[: tile.width * HASH_BYTES]
