"""Users and rights on a Milvus server; done by the admin. Milvus Lite has neither."""

from enum import Enum
from typing import Any, Final

from staithe.vectors.store import limits
from staithe.vectors.store.connection import MilvusConnection

ROOT: Final = "root"
ROOT_FIRST_PASSWORD: Final = "Milvus"  # noqa: S105 the publicly known one, to be changed before the door opens
_TIMEOUT: Final = limits.CALL_SECONDS_MAX


ANY_COLLECTION: Final = ("Compaction",)
"""A compaction names its collection by number, which Milvus 2.3 checks no grant for: only `*` permits it. Whoever may
compact everything makes the server work, and changes and reads nothing."""


class Grants(Enum):
    """Rights on one collection. Nobody gets Insert: Milvus takes a second row with a key that exists."""

    WRITE = ("Upsert", "Delete", "Query", "Flush", "GetFlushState", "Compaction")
    READ = ("Search", "Query")


def ensure_password(connection: MilvusConnection, user: str, old: str, new: str) -> None:
    """Change the password of `user`, as whom `connection` logs in. Raises as MilvusConnection.call does."""
    connection.call(lambda client: client.update_password(user, old, new, timeout=_TIMEOUT), place="update_password")


def grant(admin: MilvusConnection, *, user: str, password: str, collection: str, grants: Grants) -> None:
    """Make `user` exist with `password` and exactly `grants` on exactly `collection` (but ANY_COLLECTION). Idempotent.

    The role has the user's name. Rights on other collections, left by an earlier generation, are revoked.
    """
    admin.call(lambda client: _grant(client, user, password, collection, grants), place="grant")


def _grant(client: Any, user: str, password: str, collection: str, grants: Grants) -> None:
    if user not in client.list_users(timeout=_TIMEOUT):
        client.create_user(user, password, timeout=_TIMEOUT)
    if user not in client.list_roles(timeout=_TIMEOUT):
        client.create_role(user, timeout=_TIMEOUT)
    client.grant_role(user, user, timeout=_TIMEOUT)
    wanted = {("Collection", each, "*" if each in ANY_COLLECTION else collection) for each in grants.value}
    described = client.describe_role(user, timeout=_TIMEOUT)["privileges"]
    held = {(entry["object_type"], entry["privilege"], entry["object_name"]) for entry in described}
    for kind, privilege, name in sorted(held - wanted):
        client.revoke_privilege(user, kind, privilege, name, timeout=_TIMEOUT)
    for kind, privilege, name in sorted(wanted - held):
        client.grant_privilege(user, kind, privilege, name, timeout=_TIMEOUT)
