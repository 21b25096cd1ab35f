"""Pruning a log: which bundles may go, which entries stay beside it, and taking the files away. Verifiable after.

Order: `kept/next` is written; `log.pruned` enters the log with its digest; then `kept/next` becomes `kept/entries`,
then the bundles go. A crash leaves more files than needed and never fewer: pruning again finishes it. Only a log whose
own signed entries say `log.pruned` verifies without its bundles (see `verify_pruned`).
"""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from staithe.audit.entry import decode_entry
from staithe.audit.files import Files
from staithe.audit.kept import KEPT, KEPT_ENTRIES, KEPT_NEXT, Kept, pack_kept
from staithe.audit.limits import KEPT_BYTES_MAX
from staithe.audit.reader import LogReader
from staithe.audit.retention import RetentionPolicy
from staithe.audit.tiles import ENTRIES, TILE_WIDTH, Tile
from staithe.kernel.errors import InvalidEvent

PRUNED: Final = "log.pruned"


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may go. `minimum_index`: the first leaf whose bundle stays; `kept`: the file of the entries that stay."""

    before: int
    minimum_index: int
    kept: bytes
    kept_count: int
    gone: dict[str, int]
    """How many entries of each action go."""

    @property
    def kept_sha256(self) -> bytes:
        """What the log's entry says of the kept entries."""
        return sha256(self.kept).digest()


def plan_pruning(reader: LogReader, policy: RetentionPolicy, now_ms: int) -> Pruning | None:
    """What the policy lets go now, None when that is nothing.

    Bundles go from the left, up to the first with an entry younger than the shortest retention; of their entries, and
    of those kept before, what is not over stays. Raises InvalidEvent when more than KEPT_BYTES_MAX would stay.
    """
    before, limit = reader.minimum_index, policy.youngest_to_prune(now_ms)
    kept: list[Kept] = []
    gone: Counter[str] = Counter()
    size = 0

    def sort(leaf_index: int, entry: bytes) -> int:
        event = decode_entry(entry)
        if policy.is_over(event.action, event.occurred_at, now_ms):
            gone[event.action] += 1
            return 0
        kept.append((leaf_index, entry))
        return len(entry) + 64

    for leaf_index, entry in reader.kept.items():
        size += sort(leaf_index, entry) if leaf_index < before else 0  # after a crash its bundle may still be there
    minimum = before
    while minimum + TILE_WIDTH < reader.checkpoint.size:
        entries = reader.bundle(minimum // TILE_WIDTH)
        if any(decode_entry(entry).occurred_at > limit for entry in entries):
            break
        size += sum(sort(leaf_index, entry) for leaf_index, entry in enumerate(entries, minimum))
        if size > KEPT_BYTES_MAX:
            raise InvalidEvent(
                f"more than {KEPT_BYTES_MAX >> 20} MiB of entries would stay beside the log: bring the retention "
                "of the classes closer together",
                reason_code="KEPT_TOO_LARGE",
            )
        minimum += TILE_WIDTH
    return Pruning(before, minimum, pack_kept(kept), len(kept), dict(gone)) if gone else None


def prepare(files: Files, pruning: Pruning) -> None:
    """Write the entries that stay, durably, before the log says anything of it."""
    files.make_folder(KEPT)
    files.sync_folder("")
    files.write(KEPT_NEXT, pruning.kept)
    files.sync_folder(KEPT)


def finish(files: Files, pruning: Pruning) -> int:
    """Take the bundles away; only after `log.pruned` is in the published log. Returns how many bundles went."""
    files.rename(KEPT_NEXT, KEPT_ENTRIES)
    files.sync_folder(KEPT)
    went = 0
    for index in range(pruning.minimum_index // TILE_WIDTH):
        tile = Tile(ENTRIES, index)
        if index * TILE_WIDTH >= pruning.before or files.read(tile.path, tile.bytes_max) is not None:
            files.remove(tile.path)
            went += 1
    return went
