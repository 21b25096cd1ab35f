"""Names and labels that the Kubernetes files agree on."""

from typing import Any, Final

NAMESPACE: Final = "staithe"
CLUSTER: Final = "staithe"
"""Name of the Strimzi Kafka cluster, in the same namespace."""

KAFKA_PORT: Final = 9093
"""Strimzi's internal TLS listener with SCRAM."""

PART_LABEL: Final = "staithe-part"
"""Label of the namespaces (milvus, issuer, monitoring, clients, autoscaler) that may be reached or may reach us."""

SERVICE_LABEL: Final = "app.kubernetes.io/name"

Manifest = dict[str, Any]


def labels(name: str) -> dict[str, str]:
    """Labels of everything that belongs to a service."""
    return {SERVICE_LABEL: name, "app.kubernetes.io/part-of": "staithe"}


def selector(name: str) -> dict[str, dict[str, str]]:
    """Selects the pods of a service."""
    return {"matchLabels": {SERVICE_LABEL: name}}


def metadata(name: str, *, of: str | None = None) -> Manifest:
    """Metadata of an object called `name` that belongs to the service `of` (by default, the one of that name)."""
    return {"name": name, "namespace": NAMESPACE, "labels": labels(of or name)}
