"""Strimzi topics and users (kafka.strimzi.io/v1): the same topics and grants that `staithe topology apply` makes."""

from typing import Final

from staithe.kernel.topology import Grant, Topic, Topology
from staithe.render.k8s_names import CLUSTER, KAFKA_PORT, NAMESPACE, Manifest, labels

API: Final = "kafka.strimzi.io/v1"
REPLICAS: Final = 3
IN_SYNC_MIN: Final = 2
_HOUR_MS: Final = 3_600_000
_RESOURCE: Final = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}

BOOTSTRAP: Final = f"{CLUSTER}-kafka-bootstrap.{NAMESPACE}.svc:{KAFKA_PORT}"


def topics(topology: Topology) -> list[Manifest]:
    """A KafkaTopic per topic of the map, dead letters included."""
    return [_topic(topic, topology.limits.record_bytes_max) for topic in topology.all_topics()]


def _topic(topic: Topic, record_bytes_max: int) -> Manifest:
    config: Manifest = {
        "min.insync.replicas": IN_SYNC_MIN,
        "max.message.bytes": record_bytes_max,
        "cleanup.policy": topic.cleanup_policy,
    }
    if topic.retention_hours is not None:
        config["retention.ms"] = topic.retention_hours * _HOUR_MS
    return {
        "apiVersion": API,
        "kind": "KafkaTopic",
        "metadata": _metadata(topic.name),
        "spec": {"topicName": topic.name, "partitions": topic.partitions, "replicas": REPLICAS, "config": config},
    }


def users(topology: Topology) -> list[Manifest]:
    """A KafkaUser per principal with exactly its grants; superusers are no users of the cluster's clients."""
    grants: dict[str, list[Grant]] = {}
    for grant in topology.grants():
        grants.setdefault(grant.principal, []).append(grant)
    return [_user(principal, rights) for principal, rights in grants.items()]


def _user(principal: str, grants: list[Grant]) -> Manifest:
    operations: dict[tuple[str, str, bool], list[str]] = {}
    for grant in grants:
        operations.setdefault((grant.resource, grant.name, grant.prefixed), []).append(grant.operation.capitalize())
    acls = [
        {
            "resource": {
                "type": _RESOURCE[resource],
                "name": name,
                "patternType": "prefix" if prefixed else "literal",
            },
            "operations": allowed,
        }
        for (resource, name, prefixed), allowed in operations.items()
    ]
    return {
        "apiVersion": API,
        "kind": "KafkaUser",
        "metadata": _metadata(principal),
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": {"strimzi.io/cluster": CLUSTER} | labels("kafka")}
