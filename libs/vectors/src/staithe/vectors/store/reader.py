"""The index as the query service uses it: a reader over one generation's collection."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from staithe.kernel.errors import Integrity, InvalidEvent
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store import limits, schema
from staithe.vectors.store.calls import CollectionCalls
from staithe.vectors.store.connection import Consistency, MilvusConnection
from staithe.vectors.store.filters import And, AtLeast, AtMost, Equals, Field, Filter, document, render
from staithe.vectors.store.rows import Hit, StoredChunk, Vector, check_vector
from staithe.vectors.terms import Terms


class MilvusIndexReader:
    """Reads chunks; safe to use from several threads at once."""

    def __init__(self, connection: MilvusConnection, model_digest: bytes) -> None:
        self._rows = CollectionCalls(connection, model_digest)

    def search(
        self, vector: Vector, tree: Filter, limit: int, *, consistency: Consistency = Consistency.BOUNDED
    ) -> list[Hit]:
        """At most `limit` chunks that match `tree`, nearest first; approximate (HNSW) in which, exact in scores.

        `vector` is float32[384] and needs no unit length. BOUNDED may miss what was written in the last seconds.
        Raises InvalidEvent for a malformed vector, filter or limit, and as MilvusConnection.call does.
        """
        check_vector(vector)
        parameters = {
            "metric_type": schema.METRIC,
            "params": {"ef": max(limits.SEARCH_BREADTH_MIN, 2 * limit)},
        }
        found = self._search(
            vector.tolist(), tree, limit, consistency=consistency, column=schema.EMBEDDING, parameters=parameters
        )
        hits = [Hit(**schema.from_columns(each["entity"]), score=float(each["distance"])) for each in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))

    def search_terms(
        self, terms: Terms, vector: Vector, tree: Filter, limit: int, *,
        consistency: Consistency = Consistency.BOUNDED,
    ) -> list[Hit]:  # fmt: skip
        """At most `limit` chunks that match `tree` and share terms, those with most in common first; exact.

        Each with its cosine similarity to `vector`, so that hits of both searches compare. Raises as `search` does,
        and InvalidEvent when the collection has no blind index: ask `has_terms` before.
        """
        check_vector(vector)
        if not self.has_terms() or not terms:
            raise InvalidEvent("there are no terms to search by", reason_code="TERMS_MISSING")
        parameters: dict[str, Any] = {"metric_type": schema.TERMS_METRIC, "params": {}}
        found = self._search(
            dict(terms), tree, limit, consistency=consistency, column=schema.TERMS, parameters=parameters,
            more_columns=(schema.EMBEDDING,),
        )  # fmt: skip
        hits = [_by_terms(each, vector) for each in found if each["distance"] > 0]
        return sorted(hits, key=lambda hit: (-(hit.terms_score or 0.0), hit.chunk_id))

    def has_terms(self) -> bool:
        """Whether the collection has a blind index; blocks and raises as MilvusConnection.call when first asked."""
        return self._rows.has_terms()

    def _search(
        self, wanted: Any, tree: Filter, limit: int, *, consistency: Consistency, column: str,
        parameters: dict[str, Any], more_columns: tuple[str, ...] = (),
    ) -> list[dict[str, Any]]:  # fmt: skip
        if not 1 <= limit <= limits.SEARCH_HITS_MAX:
            raise InvalidEvent(
                f"a search returns 1 to {limits.SEARCH_HITS_MAX} hits", reason_code="SEARCH_LIMIT_REFUSED"
            )
        expression = render(tree)
        answer = self._rows.call(
            lambda client, name: client.search(
                name,
                [wanted],
                anns_field=column,
                filter=expression,
                limit=limit,
                search_params=parameters,
                output_fields=[*schema.FOUND_COLUMNS, *more_columns],
                consistency_level=consistency.value,
                timeout=limits.CALL_SECONDS_MAX,
            ),
            place="search",
        )
        return list(answer[0])

    def fetch_document_chunks(
        self, tenant_id: TenantId, document_id: DocumentId, document_version: int
    ) -> list[StoredChunk]:
        """All chunks of one version in order of `ordinal`; empty when there are none.

        Raises Integrity when ordinals have a gap, for then the version is not whole.
        """
        version = And((document(tenant_id, document_id), Equals(Field.DOCUMENT_VERSION, document_version)))
        chunks: list[StoredChunk] = []
        for start in range(0, limits.DOCUMENT_CHUNKS_MAX, limits.FETCH_ROWS_MAX):
            window = (AtLeast(Field.ORDINAL, start), AtMost(Field.ORDINAL, start + limits.FETCH_ROWS_MAX - 1))
            rows = self._rows.query(
                And((version, *window)),
                schema.STORED_COLUMNS,
                limits.FETCH_ROWS_MAX,
                Consistency.BOUNDED,
                "fetch_document_chunks",
            )
            chunks += [StoredChunk(**schema.from_columns(row)) for row in rows]
            if len(rows) < limits.FETCH_ROWS_MAX:
                break
        chunks.sort(key=lambda chunk: chunk.ordinal)
        if [chunk.ordinal for chunk in chunks] != list(range(len(chunks))):
            raise Integrity("a stored document version has a gap", reason_code="DOCUMENT_INCOMPLETE")
        return chunks

    def check(self) -> None:
        """Return when the collection can be searched now; raises as MilvusConnection.call does."""
        self._rows.check()


def _by_terms(found: Mapping[str, Any], vector: Vector) -> Hit:
    entity = found["entity"]
    stored = np.asarray(entity[schema.EMBEDDING], np.float32)
    lengths = float(np.linalg.norm(stored)) * float(np.linalg.norm(vector))
    if stored.shape != vector.shape or not lengths > 0:
        raise Integrity("the store returned a row we never wrote", reason_code="ROW_MALFORMED")
    return Hit(
        **schema.from_columns(entity), score=float(stored @ vector) / lengths, terms_score=float(found["distance"])
    )
