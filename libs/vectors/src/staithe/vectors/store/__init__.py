"""The vector store: chunk rows, filters, and a writer and a reader over Milvus. The one room for pymilvus.

Importing it imports no pymilvus; that happens at the first call.
"""

from staithe.vectors.store.accounts import Grants, ensure_password, grant
from staithe.vectors.store.census import Census, Tally, take_census
from staithe.vectors.store.collection import drop_collection, prepare_collection
from staithe.vectors.store.connection import Consistency, MilvusAddress, MilvusConnection, MilvusTls
from staithe.vectors.store.filters import (
    And,
    AnyOf,
    AtLeast,
    AtMost,
    Between,
    ContainsAny,
    Equals,
    Field,
    Filter,
    NoneOf,
    Or,
    document,
    permitted,
    render,
)
from staithe.vectors.store.milvus import Deletion, MilvusIndexWriter
from staithe.vectors.store.reader import MilvusIndexReader
from staithe.vectors.store.rows import ChunkRow, Hit, StoredChunk
from staithe.vectors.store.schema import collection_name

__all__ = [
    "And",
    "AnyOf",
    "AtLeast",
    "AtMost",
    "Between",
    "Census",
    "ChunkRow",
    "Consistency",
    "ContainsAny",
    "Deletion",
    "Equals",
    "Field",
    "Filter",
    "Grants",
    "Hit",
    "MilvusAddress",
    "MilvusConnection",
    "MilvusIndexReader",
    "MilvusIndexWriter",
    "MilvusTls",
    "NoneOf",
    "Or",
    "StoredChunk",
    "Tally",
    "collection_name",
    "document",
    "drop_collection",
    "ensure_password",
    "grant",
    "permitted",
    "prepare_collection",
    "render",
    "take_census",
]
