"""The words every room shares, as types: identities, tiers, access labels and operations."""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NewType

from staithe.kernel.errors import InvalidEvent

TenantId = NewType("TenantId", str)
DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)

_TENANT_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A DNS label (RFC 1123): safe in file names, metric labels and Kafka keys alike."""
_DOCUMENT_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@-]{0,198}[A-Za-z0-9])?")
"""No slash: the Kafka key is `tenant_id/document_id` and must split in one way only."""
_GROUP: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@-]{0,62}[A-Za-z0-9])?")

GROUPS_MAX: Final = 32
"""Each group becomes an array element in every chunk's row, and a term in every search filter."""


class Tier(IntEnum):
    """Who a document is for; a caller sees their own tier and the tiers below it."""

    OFFICE = 1
    ANALYTICS = 2
    ENGINEERING = 3


class Operation(StrEnum):
    """What an event asks for."""

    UPSERT = "UPSERT"
    ERASE = "ERASE"


class Classification(StrEnum):
    """How harmful disclosure would be, in rising order."""

    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"
    CONFIDENTIAL = "CONFIDENTIAL"
    RESTRICTED = "RESTRICTED"


@dataclass(frozen=True, slots=True)
class Access:
    """The access labels of a document, set by the source and only ever narrowed downstream.

    An empty `groups` means everybody in the tenant whose tier suffices.
    """

    tier: Tier
    groups: tuple[str, ...]
    classification: Classification

    def permits(self, *, tier: Tier, groups: frozenset[str]) -> bool:
        """Whether a caller of the same tenant with this tier and these groups may see the document."""
        return self.tier <= tier and (not self.groups or not groups.isdisjoint(self.groups))


def tenant_id(value: str) -> TenantId:
    """`value` as a tenant id; raises InvalidEvent when it is not a lower-case DNS label."""
    if not _TENANT_ID.fullmatch(value):
        raise InvalidEvent(
            "tenant_id must be a DNS label of a-z, 0-9 and '-', 1 to 63 characters",
            reason_code="TENANT_ID_MALFORMED",
        )
    return TenantId(value)


def document_id(value: str) -> DocumentId:
    """`value` as a document id; raises InvalidEvent when it has other characters or is too long."""
    if not _DOCUMENT_ID.fullmatch(value):
        raise InvalidEvent(
            "document_id must be 1 to 200 characters of A-Z a-z 0-9 . _ : @ - and start and end with a letter or digit",
            reason_code="DOCUMENT_ID_MALFORMED",
        )
    return DocumentId(value)


def access_groups(values: tuple[str, ...]) -> tuple[str, ...]:
    """`values` sorted and without repeats; raises InvalidEvent when one is malformed or there are too many."""
    groups = tuple(sorted(set(values)))
    if len(groups) > GROUPS_MAX or not all(_GROUP.fullmatch(group) for group in groups):
        raise InvalidEvent(
            f"groups must be at most {GROUPS_MAX} names of A-Z a-z 0-9 . _ : @ -, 1 to 64 characters each",
            reason_code="GROUPS_MALFORMED",
        )
    return groups


def event_key(tenant: TenantId, document: DocumentId) -> bytes:
    """The Kafka key of everything about one document, so that its events stay in order."""
    return f"{tenant}/{document}".encode()
