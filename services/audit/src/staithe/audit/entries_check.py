"""What a verification looks for inside the entries: that each is an audit entry, and each event is there once."""

import sqlite3
from collections.abc import Iterator, Sequence

from staithe.audit.entry import decode_entry
from staithe.kernel.errors import Integrity


class EntriesCheck:
    """Remembers the event ids seen so far in a temporary SQLite file, so that memory stays bounded."""

    def __init__(self) -> None:
        self._seen = sqlite3.connect("")  # a private temporary database: in memory first, then on disk
        self._seen.execute("CREATE TABLE event (event_id TEXT PRIMARY KEY) WITHOUT ROWID")

    def check(self, first: int, entries: Sequence[bytes]) -> Iterator[tuple[int, str]]:
        """The leaf index and the fault of each faulty entry; `first` is the leaf index of the first one."""
        for leaf_index, entry in enumerate(entries, first):
            try:
                event_id = decode_entry(entry).event_id
            except Integrity as error:
                yield leaf_index, f"is malformed ({error.reason_code})"
                continue
            if not self._seen.execute("INSERT OR IGNORE INTO event VALUES (?)", (event_id,)).rowcount:
                yield leaf_index, "repeats an event that is already in the log"

    def close(self) -> None:
        """Delete the temporary file."""
        self._seen.close()
