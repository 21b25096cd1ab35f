"""Preparing the collection of a model generation; done once with the admin's credential, never by a service."""

from collections.abc import Collection, Mapping
from typing import Any

from staithe.kernel.errors import Integrity
from staithe.vectors.store import limits, schema
from staithe.vectors.store.connection import Consistency, MilvusConnection, load_pymilvus


def prepare_collection(connection: MilvusConnection, model_digest: bytes) -> str:
    """Make sure that the generation's collection exists, has its index and is loaded; return its name.

    Blocking, idempotent, safe to repeat after a crash halfway. There is no alias on purpose: a query must be
    embedded by the model whose vectors it is compared with, so reader and writer both name the generation; and
    on Milvus 2.3.5 any user may repoint an alias, whatever their privileges.
    Raises Integrity when a collection of that name has other columns, and as MilvusConnection.call does.
    """
    name = schema.collection_name(model_digest)
    has_sparse = connection.has_sparse
    connection.call(lambda client: _prepare(client, name, has_sparse), place="prepare_collection")
    return name


def drop_collection(connection: MilvusConnection, model_digest: bytes) -> None:
    """Remove a generation that no reader uses any more, with all its rows. Idempotent."""
    name = schema.collection_name(model_digest)
    connection.call(
        lambda client: client.drop_collection(name, timeout=limits.PREPARE_SECONDS_MAX), place="drop_collection"
    )


def _prepare(client: Any, name: str, has_sparse: bool) -> None:
    if not client.has_collection(name, timeout=limits.CALL_SECONDS_MAX):
        client.create_collection(
            name,
            schema=_schema({**schema.COLUMNS, **(schema.TERMS_COLUMNS if has_sparse else {})}),
            consistency_level=Consistency.BOUNDED.value,
            timeout=limits.PREPARE_SECONDS_MAX,
        )
    found = _check_columns(client.describe_collection(name, timeout=limits.CALL_SECONDS_MAX), name)
    for column, parameters in ((schema.EMBEDDING, schema.INDEX), (schema.TERMS, schema.TERMS_INDEX)):
        if column in found and column not in _indexed_columns(client, name):
            index = client.prepare_index_params()
            index.add_index(column, **parameters)
            client.create_index(name, index, timeout=limits.PREPARE_SECONDS_MAX)
    client.load_collection(name, timeout=limits.PREPARE_SECONDS_MAX)


def _schema(columns: Mapping[str, tuple[str, Mapping[str, int]]]) -> Any:
    pymilvus = load_pymilvus()
    description = pymilvus.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for name, (kind, parameters) in columns.items():
        description.add_field(name, pymilvus.DataType[kind], is_primary=name == schema.PRIMARY_KEY, **parameters)
    return description


def _indexed_columns(client: Any, name: str) -> set[str]:
    """Lite names an index after its column; the server too, as long as nobody names it otherwise."""
    names: list[str] = client.list_indexes(name, timeout=limits.CALL_SECONDS_MAX)
    return set(names)


def _check_columns(description: Mapping[str, Any], name: str) -> Collection[str]:
    """The server's columns, which must be ours: a stray collection of the same name would take rows and lose fields."""
    found = {
        field["name"]: (field["type"].name, {key: int(value) for key, value in field["params"].items()})
        for field in description["fields"]
    }
    if not schema.is_ours(found):
        raise Integrity(
            f"collection {name} has other columns than this version writes; drop it and reindex",
            reason_code="COLLECTION_MISMATCH",
        )
    return found
