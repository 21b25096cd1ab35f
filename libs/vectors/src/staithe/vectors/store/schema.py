"""The collection of one model generation: its name, its columns, and a row on its way in and out."""

import base64
import binascii
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final

from staithe.kernel.errors import Integrity
from staithe.kernel.vocabulary import (
    Access,
    ChunkId,
    Classification,
    DocumentId,
    TenantId,
    Tier,
)
from staithe.vectors.store import limits
from staithe.vectors.store.rows import DIGEST_BYTES, EVERYBODY, GROUP_SLOTS, NO_GROUP, ChunkRow

COLLECTION_PREFIX: Final = "chunks_"
PRIMARY_KEY: Final = "chunk_id"
EMBEDDING: Final = "embedding"
METRIC: Final = "COSINE"
INDEX: Final = {"index_type": "HNSW", "metric_type": METRIC, "params": {"M": 16, "efConstruction": 100}}
_NEVER: Final = 0
"""`retention_until` of a chunk that is kept for ever: neither server has nullable columns in common."""
_BASE64_BYTES_MAX: Final = (limits.SEALED_TEXT_BYTES_MAX + 2) // 3 * 4

COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {
    PRIMARY_KEY: ("VARCHAR", {"max_length": limits.CHUNK_ID_BYTES_MAX}),
    "tenant_id": ("VARCHAR", {"max_length": limits.TENANT_ID_BYTES_MAX}),
    "document_id": ("VARCHAR", {"max_length": limits.DOCUMENT_ID_BYTES_MAX}),
    "document_version": ("INT64", {}),
    "ordinal": ("INT64", {}),
    "tier": ("INT64", {}),
    **{slot: ("VARCHAR", {"max_length": limits.GROUP_BYTES_MAX}) for slot in GROUP_SLOTS},
    "classification": ("VARCHAR", {"max_length": 16}),
    EMBEDDING: ("FLOAT_VECTOR", {"dim": limits.EMBEDDING_DIMENSIONS}),
    "sealed_text": ("VARCHAR", {"max_length": _BASE64_BYTES_MAX}),
    "text_sha256": ("VARCHAR", {"max_length": 2 * DIGEST_BYTES}),
    "span_start": ("INT64", {}),
    "span_end": ("INT64", {}),
    "model_digest": ("VARCHAR", {"max_length": 2 * DIGEST_BYTES}),
    "retention_until": ("INT64", {}),
}
"""Milvus type and parameters of every column. `tenant_id` is a plain column: as a partition key, upsert on
Milvus 2.3.5 puts rows where neither filters nor deletions find them. Groups are plain columns, one a group:
Milvus Lite evaluates a filter with an array function in Python, 0.3 ms for every row of the collection."""

TERMS: Final = "terms"
TERMS_METRIC: Final = "IP"
TERMS_INDEX: Final = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": TERMS_METRIC, "params": {}}
TERMS_COLUMNS: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {TERMS: ("SPARSE_FLOAT_VECTOR", {})}
"""What a collection has besides COLUMNS on a server that searches sparse vectors."""
_NO_TERMS: Final = {0: 1e-6}
"""A row without words: no server in common takes an empty sparse vector, and no question has dimension 0."""

STORED_COLUMNS: Final = [name for name in COLUMNS if name != EMBEDDING]
FOUND_COLUMNS: Final = [name for name in STORED_COLUMNS if name not in GROUP_SLOTS[1:]]
"""What a search brings along. Thirty-one empty columns for each of its rows were half of a search's processor time."""


def collection_name(model_digest: bytes) -> str:
    """`chunks_` and the first 12 hexadecimal digits of the model's digest: vectors of two models never mix."""
    if len(model_digest) != DIGEST_BYTES:
        raise Integrity("a model digest has 32 bytes", reason_code="MODEL_DIGEST_MALFORMED")
    return f"{COLLECTION_PREFIX}{model_digest.hex()[:12]}"


def to_columns(row: ChunkRow, *, with_terms: bool) -> dict[str, Any]:
    """`row`, already checked, as the values of one Milvus row; `with_terms` where the collection has TERMS_COLUMNS."""
    groups = row.access.groups or (EVERYBODY,)
    terms = {TERMS: dict(row.terms) or _NO_TERMS} if with_terms else {}
    return terms | {
        PRIMARY_KEY: row.chunk_id,
        "tenant_id": row.tenant_id,
        "document_id": row.document_id,
        "document_version": row.document_version,
        "ordinal": row.ordinal,
        "tier": int(row.access.tier),
        **dict(zip_longest(GROUP_SLOTS, groups, fillvalue=NO_GROUP)),
        "classification": row.access.classification.value,
        EMBEDDING: row.embedding,
        "sealed_text": base64.b64encode(row.sealed_text).decode(),
        "text_sha256": row.text_sha256.hex(),
        "span_start": row.span_start,
        "span_end": row.span_end,
        "model_digest": row.model_digest.hex(),
        "retention_until": row.retention_until if row.retention_until is not None else _NEVER,
    }


def from_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a StoredChunk, with the groups that are among `values`, at least the first.

    Raises Integrity when the store returned something that we never wrote.
    """
    try:
        slots = (values.get(slot, NO_GROUP) for slot in GROUP_SLOTS[1:])
        groups = tuple(group for group in (values[GROUP_SLOTS[0]], *slots) if group != NO_GROUP)
        return {
            "chunk_id": ChunkId(values[PRIMARY_KEY]),
            "tenant_id": TenantId(values["tenant_id"]),
            "document_id": DocumentId(values["document_id"]),
            "document_version": int(values["document_version"]),
            "ordinal": int(values["ordinal"]),
            "access": Access(
                tier=Tier(values["tier"]),
                groups=() if groups == (EVERYBODY,) else groups,
                classification=Classification(values["classification"]),
            ),
            "sealed_text": base64.b64decode(values["sealed_text"], validate=True),
            "text_sha256": bytes.fromhex(values["text_sha256"]),
            "span_start": int(values["span_start"]),
            "span_end": int(values["span_end"]),
            "model_digest": bytes.fromhex(values["model_digest"]),
            "retention_until": int(values["retention_until"]) or None,
        }
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Integrity("the store returned a row we never wrote", reason_code="ROW_MALFORMED") from error


def is_ours(found: Mapping[str, tuple[str, Mapping[str, int]]]) -> bool:
    """Whether a collection with the columns `found` is ours; a server may report parameters in part.

    One without terms is ours, too: made on a server without a sparse index, or before there was a blind index.
    """
    ours = {**COLUMNS, **(TERMS_COLUMNS if TERMS in found else {})}
    return found.keys() == ours.keys() and all(
        kind == ours[name][0] and parameters.items() <= ours[name][1].items()
        for name, (kind, parameters) in found.items()
    )
