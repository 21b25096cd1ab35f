"""Network policies: each edge of the map opens one door on each side that is ours; k8s/base denies everything else."""

from typing import Any, Final

from staithe.kernel.topology import Topology
from staithe.render.edges import (
    CLIENTS,
    ISSUER,
    KAFKA,
    KEYS,
    MILVUS,
    MONITORING,
    OBJECTS,
    READERS_OUTSIDE,
    REGISTRY,
    Edge,
    incoming_edges,
)
from staithe.render.edges import service_edges as outgoing_edges
from staithe.render.environment import HEALTH_PORT, HTTPS_PORT
from staithe.render.k8s_names import CLUSTER, KAFKA_PORT, PART_LABEL, Manifest, metadata, selector

AUTOSCALER: Final = "autoscaler"
_API: Final = "networking.k8s.io/v1"

_PORTS: Final = {
    KAFKA: KAFKA_PORT,
    REGISTRY: 8443,
    MILVUS: 19530,
    ISSUER: 8443,
    KEYS: HTTPS_PORT,
    OBJECTS: 9000,
    MONITORING: HEALTH_PORT,
    CLIENTS: HTTPS_PORT,
}

_OURS: Final = {
    KAFKA: {"matchLabels": {"strimzi.io/cluster": CLUSTER}},
    REGISTRY: selector(REGISTRY),
    KEYS: selector(KEYS),
}
"""Parts in our own namespace, by their pods."""


def network_policies(topology: Topology) -> list[Manifest]:
    """An egress policy per connection that a service opens, an ingress policy per one that it or a part accepts."""
    outgoing, incoming = outgoing_edges(topology), incoming_edges(topology)
    return [
        *(_policy(edge, "Egress") for edge in outgoing),
        *(_policy(edge, "Ingress") for edge in outgoing if edge.target in {*_OURS, *topology.services}),
        *(_policy(edge, "Ingress") for edge in incoming),
        _policy(Edge(AUTOSCALER, KAFKA), "Ingress"),
    ]


def _policy(edge: Edge, direction: str) -> Manifest:
    """One side of one edge: on the source's pods for egress, on the target's for ingress."""
    here, there = (edge.source, edge.target) if direction == "Egress" else (edge.target, edge.source)
    part = edge.source if edge.source in {MONITORING, CLIENTS} else edge.target
    rule = {
        "to" if direction == "Egress" else "from": [_peer(there)],
        "ports": [{"protocol": "TCP", "port": _PORTS.get(part, HTTPS_PORT)}],
    }
    return {
        "apiVersion": _API,
        "kind": "NetworkPolicy",
        "metadata": metadata(f"{edge.source}-to-{edge.target}-{direction.lower()}", of=here),
        "spec": {
            "podSelector": _OURS.get(here, selector(here)),
            "policyTypes": [direction],
            direction.lower(): [rule],
        },
    }


def _peer(name: str) -> dict[str, Any]:
    """Pods of our namespace, or any pod of a namespace that the site labelled as that part."""
    if name in {MILVUS, ISSUER, OBJECTS, MONITORING, CLIENTS, AUTOSCALER, *READERS_OUTSIDE}:
        return {"namespaceSelector": {"matchLabels": {PART_LABEL: name}}}
    return {"podSelector": _OURS.get(name, selector(name))}
