"""KEDA: more replicas of a consumer group while its lag is high, never more than partitions."""

from typing import Final

from staithe.kernel.topology import Topology
from staithe.render.k8s_kafka import BOOTSTRAP
from staithe.render.k8s_names import NAMESPACE, Manifest, labels, metadata
from staithe.render.k8s_workloads import kind_of

API: Final = "keda.sh/v1alpha1"
LAG_PER_REPLICA: Final = 200
"""About half a minute of embedding on two cores; less would start replicas for every larger document."""

QUIET_SECONDS: Final = 300
"""How long lag must stay low before a replica goes: each change rebalances the group."""

USERNAMES: Final = "kafka-usernames"


def scalers(topology: Topology) -> list[Manifest]:
    """What KEDA needs: names of principals (no secrets), how to authenticate as each, and when to scale."""
    scaled = {name: replicas for name in topology.services if (replicas := replicas_max(topology, name)) > 1}
    usernames: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": USERNAMES, "namespace": NAMESPACE, "labels": labels("autoscaling")},
        "data": {name: name for name in scaled},
    }
    pairs = [(_authentication(name), _scaler(topology, name, replicas)) for name, replicas in scaled.items()]
    return [usernames, *(manifest for pair in pairs for manifest in pair)]


def replicas_max(topology: Topology, name: str) -> int:
    """The most replicas that could all have work: the largest number of partitions among the inputs."""
    return max((topology.topics[topic].partitions for topic in topology.services[name].consumes), default=1)


def _authentication(name: str) -> Manifest:
    """As the service itself: it may describe its topics and read its group, and no principal is added for KEDA."""
    return {
        "apiVersion": API,
        "kind": "TriggerAuthentication",
        "metadata": metadata(name),
        "spec": {
            "configMapTargetRef": [{"parameter": "username", "name": USERNAMES, "key": name}],
            "secretTargetRef": [
                {"parameter": "password", "name": name, "key": "password"},
                {"parameter": "ca", "name": "staithe-cluster-ca-cert", "key": "ca.crt"},
            ],
        },
    }


def _scaler(topology: Topology, name: str, replicas: int) -> Manifest:
    triggers = [
        {
            "type": "kafka",
            "metadata": {
                "bootstrapServers": BOOTSTRAP,
                "consumerGroup": name,
                "topic": topic,
                "lagThreshold": str(LAG_PER_REPLICA),
                "sasl": "scram_sha512",
                "tls": "enable",
            },
            "authenticationRef": {"name": name},
        }
        for topic in topology.services[name].consumes
    ]
    return {
        "apiVersion": API,
        "kind": "ScaledObject",
        "metadata": metadata(name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind_of(topology, name), "name": name},
            "minReplicaCount": 1,
            "maxReplicaCount": replicas,
            "cooldownPeriod": QUIET_SECONDS,
            "triggers": triggers,
        },
    }
