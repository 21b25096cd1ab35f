"""Whether what a log lacks was pruned: only bundles from the left, only as far as the log's own entries say.

The newest `log.pruned` entry counts: `minimum_index` says how far bundles may be missing, `output_sha256` is the digest
of the file of entries that stay. Their hash tiles stay too, so root, tiles and proofs are checked as ever. What cannot
be checked any more is the form of the entries that went, and whether their events were there once.
"""

from dataclasses import dataclass
from hashlib import sha256

from staithe.audit.entry import decode_entry
from staithe.audit.files import Files
from staithe.audit.kept import KEPT_ENTRIES, KEPT_NEXT, unpack_kept
from staithe.audit.limits import KEPT_BYTES_MAX
from staithe.audit.merkle import leaf_hash
from staithe.audit.notes import Checkpoint
from staithe.audit.reader import LogReader
from staithe.audit.tiles import ENTRIES, TILE_WIDTH, Tile
from staithe.audit.verify_tiles import Authorisation, BundleFound, Problem
from staithe.kernel.errors import Integrity, InvalidEvent


@dataclass(slots=True)
class PrunedCheck:
    """Fed with all bundles from left to right, then asked for its judgement."""

    absent: int = 0
    """Bundles that are missing from the left, without a gap."""
    newest: Authorisation | None = None
    kept_count: int = 0

    def take(self, index: int, found: BundleFound) -> list[Problem]:
        """Note a bundle; a missing one that others precede is missing, whatever the log says."""
        if found.authorisations:
            self.newest = found.authorisations[-1]
        if not found.absent:
            return []
        if self.absent == index:
            self.absent += 1
            return []
        return [(found.file, "is missing")]

    def judge(self, files: Files, head: Checkpoint) -> list[Problem]:
        """What does not hold; sets `kept_count`. The hash tiles have been compared before."""
        allowed = self.newest.minimum_index // TILE_WIDTH if self.newest else 0
        problems = [(Tile(ENTRIES, index).path, "is missing") for index in range(allowed, self.absent)]
        if self.newest is not None:
            problems += self._judge_kept(files, head, self.newest)
        return problems

    def _judge_kept(self, files: Files, head: Checkpoint, newest: Authorisation) -> list[Problem]:
        for path in (KEPT_ENTRIES, KEPT_NEXT):  # the second where pruning was interrupted
            try:
                content = files.read(path, KEPT_BYTES_MAX) or b""
            except Integrity as error:
                return [(path, error.message.removeprefix(f"{path} "))]
            if sha256(content).digest() == newest.kept_sha256:
                return self._judge_entries(files, head, path, content)
        return [(KEPT_ENTRIES, f"is not what entry {newest.leaf_index} says stays of the pruned entries")]

    def _judge_entries(self, files: Files, head: Checkpoint, path: str, content: bytes) -> list[Problem]:
        reader = LogReader(files, head)
        for leaf_index, entry in unpack_kept(content):
            try:
                decode_entry(entry)
                place = reader.hashes(0, leaf_index // TILE_WIDTH)[leaf_index % TILE_WIDTH]
            except (Integrity, InvalidEvent, ValueError, IndexError):
                return [(path, f"entry {leaf_index} is malformed")]
            if leaf_hash(entry) != place:
                return [(path, f"entry {leaf_index} is not the one that was in the log")]
            self.kept_count += 1
        return []
