"""Limits of the vector store, each with its reason; a row or filter beyond one is refused, never cut."""

from typing import Final

EMBEDDING_DIMENSIONS: Final = 384
"""Width of the embedding model's vectors. A model of another width needs a schema of its own."""

VARCHAR_BYTES_MAX: Final = 65_535
"""Milvus's own limit for one string, in bytes of UTF-8."""

SEALED_TEXT_BYTES_MAX: Final = VARCHAR_BYTES_MAX // 4 * 3
"""What still fits a string in base64. A chunk has 256 tokens, so real ones with title and name are 1 to 3 KB."""

CHUNK_ID_BYTES_MAX: Final = 64
"""A SHA-256 digest in hexadecimal."""

TENANT_ID_BYTES_MAX: Final = 63
DOCUMENT_ID_BYTES_MAX: Final = 200
GROUP_BYTES_MAX: Final = 64
"""These three as staithe.kernel.vocabulary defines them."""

FILTER_STRING_BYTES_MAX: Final = 256
"""Longer than every column that filters may name: a longer value matches nothing and only costs parsing."""

FILTER_VALUES_MAX: Final = 1_024
"""Values in one list; ours have at most DOCUMENT_VERSIONS_MAX or CALLER_GROUPS_MAX."""

CALLER_GROUPS_MAX: Final = 128
"""Groups of one caller. Each is compared with every group column: 4,096 literals, 100 KB, at worst."""

FILTER_NODES_MAX: Final = 1_024
"""Nodes in one filter tree; `permitted` needs four and a deletion batch four for each document."""

FILTER_DEPTH_MAX: Final = 8
"""The servers' parsers are recursive; ours are three deep."""

UPSERT_ROWS_MAX: Final = 500
"""Rows in one request: 0.8 MB of vectors, well under a second on either server."""

UPSERT_BYTES_MAX: Final = 4 << 20
"""Bytes of text and vectors in one request; the server's limit is 64 MiB and its log prefers small messages."""

DELETE_DOCUMENTS_MAX: Final = 64
"""Documents in one deletion request: a filter of about 20 KB."""

SEARCH_HITS_MAX: Final = 256
"""Hits of one search: more than any answer cites, few enough that sealed texts stay a small message."""

SEARCH_BREADTH_MIN: Final = 512
"""HNSW `ef`, candidates kept in a search, and never under twice the hits wanted: half a filter may drop."""

QUERY_ROWS_MAX: Final = 16_384
"""The server's own window (offset + limit) for one query."""

FETCH_ROWS_MAX: Final = 256
"""Chunks of one document fetched in one request: at most 16 MiB of sealed text."""

DOCUMENT_CHUNKS_MAX: Final = 65_536
"""Chunks of one document version: 16 million tokens, far above any document that is accepted."""

DOCUMENT_VERSIONS_MAX: Final = 64
"""Versions of one document that may lie in the store at once; more means that deletion does not work."""

FLUSH_ROWS: Final = 500
"""Milvus Lite turns unflushed rows into a table at every search, 0.06 to 0.15 ms each: under 75 ms in all."""

FLUSH_SECONDS: Final = 5.0
"""The same for a trickle of rows: they are flushed before anybody wonders why the search is slow."""

COMPACT_SECONDS: Final = 60.0
"""A server is asked to compact this long after an erasure: one rewriting of its segments for a minute of erasures."""

CALL_SECONDS_MAX: Final = 10.0
"""One call: a strongly consistent read takes 0.4 s, an upsert of a full batch under 1 s."""

CONNECT_SECONDS_MAX: Final = 5.0
"""Connecting includes a TLS handshake and one request."""

PREPARE_SECONDS_MAX: Final = 60.0
"""Creating, indexing and loading a collection takes 3 s on a quiet server; flushing takes as long."""
