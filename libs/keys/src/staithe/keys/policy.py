"""Who may ask the key service for what, and for which versions there may be keys. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from staithe.kernel.topology import Topology

UNVERSIONED: Final = 0
"""For records of a document that name no version, such as dead letters: every erasure of the document takes them."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one principal may do."""

    seals: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()
    shreds: bool = False
    terms: bool = False
    administers: bool = False


NOTHING: Final = Rights()


def rights_of(topology: Topology) -> Mapping[str, Rights]:
    """Every principal's rights, by the name in its certificate; who is not here may do nothing."""
    rights = {
        name: Rights(frozenset(each.seals), frozenset(each.opens), each.shreds, each.terms)
        for name, each in topology.services.items()
    }
    rights |= {
        name: Rights(frozenset(each.seals), frozenset(each.opens), each.shreds, each.terms, each.superuser)
        for name, each in topology.principals.items()
    }
    return rights


def is_erased(document_version: int, erased_version: int | None) -> bool:
    """Whether a version may have no key any more, when the document was erased up to `erased_version`.

    A version above it is a new life of the document. Records without a version that come after an erasure get a key
    of their own, which the next erasure takes.
    """
    return erased_version is not None and UNVERSIONED < document_version <= erased_version
