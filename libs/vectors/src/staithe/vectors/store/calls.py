"""Calls on one collection, which are the same for writer, reader and census."""

from collections.abc import Callable
from typing import Any

from staithe.kernel.errors import Unavailable
from staithe.vectors.store import limits, schema
from staithe.vectors.store.connection import Consistency, MilvusConnection
from staithe.vectors.store.filters import Equals, Field, Filter, render


class CollectionCalls:
    """One generation's collection over one connection."""

    def __init__(self, connection: MilvusConnection, model_digest: bytes) -> None:
        self._connection = connection
        self._name = schema.collection_name(model_digest)
        self._has_terms: bool | None = None

    def call(self, function: Callable[[Any, str], Any], *, place: str) -> Any:
        """`function(client, collection name)`. Milvus Lite forgets at a restart what was loaded, so it is told
        once more; on a server only the admin may load, and the call fails with Unavailable as it should.
        """
        try:
            return self._connection.call(lambda client: function(client, self._name), place=place)
        except Unavailable as error:
            if error.reason_code != "MILVUS_NOT_LOADED" or not self._connection.is_lite:
                raise
        self._connection.call(
            lambda client: client.load_collection(self._name, timeout=limits.PREPARE_SECONDS_MAX), place="load"
        )
        return self._connection.call(lambda client: function(client, self._name), place=place)

    def has_terms(self) -> bool:
        """Whether the collection has a blind index; asked once, for a collection never changes its columns."""
        if self._has_terms is None:
            described = self.call(
                lambda client, name: client.describe_collection(name, timeout=limits.CALL_SECONDS_MAX), place="describe"
            )
            self._has_terms = any(column["name"] == schema.TERMS for column in described["fields"])
        return self._has_terms

    def query(
        self, tree: Filter, columns: list[str], limit: int | None, consistency: Consistency, place: str
    ) -> list[dict[str, Any]]:
        expression = render(tree)
        rows = self.call(
            lambda client, name: client.query(
                name,
                filter=expression,
                output_fields=columns,
                consistency_level=consistency.value,
                timeout=limits.CALL_SECONDS_MAX,
                **({} if limit is None else {"limit": limit}),
            ),
            place=place,
        )
        return list(rows)

    def check(self) -> None:
        """One cheap read that needs exactly what the service needs."""
        self.query(Equals(Field.CHUNK_ID, "-"), [schema.PRIMARY_KEY], 1, Consistency.BOUNDED, "check")
