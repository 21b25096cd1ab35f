"""Counts what the index holds of every document version, in pieces that a server hands out whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from staithe.kernel.errors import Integrity
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store import limits
from staithe.vectors.store.calls import CollectionCalls
from staithe.vectors.store.connection import Consistency, MilvusConnection
from staithe.vectors.store.filters import Between, Field

_DIGITS: Final = "0123456789abcdef"
_AFTER_DIGITS: Final = "g"
PREFIX_DIGITS_MAX: Final = 8
"""Of a chunk's id, a digest: pieces of 16,384 rows with this many in common are no accident."""
_COLUMNS: Final = ["tenant_id", "document_id", "document_version", "ordinal"]


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows of one version: how many there are, and the highest ordinal among them."""

    rows: int
    ordinal_max: int

    def is_whole(self, chunk_count: int) -> bool:
        """Whether these are the chunks 0 to `chunk_count` - 1: ids are unique, so number and highest settle it."""
        return self.rows == chunk_count == self.ordinal_max + 1


Census = dict[tuple[TenantId, DocumentId], dict[int, Tally]]
"""For each document the tally of every version that has rows."""


def take_census(connection: MilvusConnection, model_digest: bytes) -> Census:
    """Everything in the collection, whoever wrote it.

    Reads every row's key: seconds for 100,000 rows. What is written meanwhile may or may not be in it. Raises
    Unavailable as MilvusConnection.call does, and Integrity when ids are not digests.
    """
    census: Census = {}
    for tenant, document, version, ordinal in _rows(CollectionCalls(connection, model_digest)):
        versions = census.setdefault((tenant, document), {})
        known = versions.get(version, Tally(0, -1))
        versions[version] = Tally(known.rows + 1, max(known.ordinal_max, ordinal))
    return census


def _rows(calls: CollectionCalls) -> Iterator[tuple[TenantId, DocumentId, int, int]]:
    """Every row once: by ranges of ids, each cut in sixteen when it holds more than one answer can."""
    prefixes = [""]
    while prefixes:
        prefix = prefixes.pop()
        tree = Between(Field.CHUNK_ID, prefix, prefix + _AFTER_DIGITS)
        found = calls.query(tree, _COLUMNS, limits.QUERY_ROWS_MAX, Consistency.STRONG, "census")
        if len(found) < limits.QUERY_ROWS_MAX:
            for row in found:
                yield (
                    TenantId(row["tenant_id"]), DocumentId(row["document_id"]),
                    int(row["document_version"]), int(row["ordinal"]),
                )  # fmt: skip
            continue
        if len(prefix) == PREFIX_DIGITS_MAX:
            raise Integrity("too many chunk ids begin alike", reason_code="CHUNK_IDS_NO_DIGESTS")
        prefixes += [prefix + digit for digit in _DIGITS]
