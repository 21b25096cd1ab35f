"""Who may open a connection to whom, derived from the map: the only source of networks and network policies."""

from dataclasses import dataclass
from typing import Final

from staithe.kernel.topology import Topology
from staithe.render.environment import log_of

KAFKA: Final = "kafka"
REGISTRY: Final = "registry"
MILVUS: Final = "milvus"
ISSUER: Final = "issuer"
KEYS: Final = "keys"
OBJECTS: Final = "objects"
MONITORING: Final = "monitoring"
CLIENTS: Final = "clients"
"""Applications outside, through whatever the site puts in front of a service."""

READERS_OUTSIDE: Final = ("witness", "auditor")
"""Readers of the audit log that are no service: they run elsewhere, on purpose."""

PARTS: Final = (KAFKA, REGISTRY, MILVUS, ISSUER, KEYS, OBJECTS)
"""Parts that a service connects to."""


@dataclass(frozen=True, order=True)
class Edge:
    """`source` opens connections to `target`; never the other way round."""

    source: str
    target: str


def service_edges(topology: Topology) -> tuple[Edge, ...]:
    """Connections that services open, in the order of the map. Of each other they reach only keys and the audit log."""
    found: list[Edge] = []
    for name, service in topology.services.items():
        found += [Edge(name, KAFKA), Edge(name, REGISTRY)]
        if service.milvus is not None:
            found.append(Edge(name, MILVUS))
        if service.objects:
            found.append(Edge(name, OBJECTS))
        if service.serves.https is not None:
            found.append(Edge(name, ISSUER))
        if service.asks_keys:
            found.append(Edge(name, KEYS))
        if log := log_of(topology, name):
            found.append(Edge(name, log))
    return tuple(found)


def incoming_edges(topology: Topology) -> tuple[Edge, ...]:
    """Connections that services accept: metrics from all, applications where HTTPS is served."""
    found: list[Edge] = []
    for name, service in topology.services.items():
        found.append(Edge(MONITORING, name))
        if service.serves.https is not None:
            found.append(Edge(CLIENTS, name))
        found += [Edge(reader, name) for reader in service.readers if reader in READERS_OUTSIDE]
    return tuple(found)
