"""Entries that outlive the bundle they were in: one file beside a pruned log, each entry under its leaf's hash.

A pruned log keeps all its hash tiles and lacks the entry bundles below its minimum index (C2SP tlog-tiles, Pruning).
Entries of longer retention are copied to `kept/entries` first: a JSON line each, in the order of the leaves, with the
entry's bytes as they were, so that its leaf hash, and every proof made from it, stay what they are.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from staithe.kernel.errors import Integrity

KEPT: Final = "kept"
KEPT_ENTRIES: Final = f"{KEPT}/entries"
KEPT_NEXT: Final = f"{KEPT}/next"
"""What becomes `kept/entries` when the pruning that it belongs to is in the log."""
_LINE: Final = re.compile(rb'\{"leaf_index":(0|[1-9][0-9]{0,15}),"entry":(\{.*\})\}')

Kept = tuple[int, bytes]
"""A leaf index and its entry."""


def pack_kept(kept: Iterable[Kept]) -> bytes:
    """The file of these entries, which must be in the order of their leaves."""
    return b"".join(b'{"leaf_index":%d,"entry":%s}\n' % each for each in kept)


def unpack_kept(content: bytes) -> Iterator[Kept]:
    """The entries of a file; raises Integrity when it is not one, or not in order. Proves nothing."""
    last = -1
    for line in content.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or int(match[1]) <= last:
            raise Integrity("is not a file of kept entries", reason_code="KEPT_MALFORMED")
        last = int(match[1])
        yield last, match[2]
