"""Whether each event is in the log once, for logs of any size."""

import sqlite3
from collections.abc import Iterator, Sequence


class EntriesCheck:
    """Remembers the event ids seen so far in a temporary SQLite file, so that memory stays bounded."""

    def __init__(self) -> None:
        # A private temporary database: in memory first, then on disk.
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("CREATE TABLE event (event_id BLOB PRIMARY KEY) WITHOUT ROWID")

    def repeated(self, first: int, event_ids: Sequence[bytes | None]) -> Iterator[int]:
        """The leaf index of each event that was there before; `first` is the leaf index of the first of `event_ids`.

        None stands for an entry that is no event.
        """
        rows = [(event_id,) for event_id in event_ids if event_id is not None]
        self._seen.execute("SAVEPOINT bundle")
        added = self._seen.executemany("INSERT OR IGNORE INTO event VALUES (?)", rows).rowcount
        if added != len(rows):
            self._seen.execute("ROLLBACK TO bundle")
            yield from self._one_by_one(first, event_ids)
        self._seen.execute("RELEASE bundle")

    def _one_by_one(self, first: int, event_ids: Sequence[bytes | None]) -> Iterator[int]:
        for leaf_index, event_id in enumerate(event_ids, first):
            if event_id is None:
                continue
            if not self._seen.execute("INSERT OR IGNORE INTO event VALUES (?)", (event_id,)).rowcount:
                yield leaf_index

    def close(self) -> None:
        """Delete the temporary file."""
        self._seen.close()
