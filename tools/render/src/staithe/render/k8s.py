"""k8s/base/generated/: workloads, network policies, Strimzi topics and users, scaling; one file per kind of thing."""

from typing import Final

from staithe.kernel.topology import Topology
from staithe.render.k8s_kafka import topics, users
from staithe.render.k8s_names import NAMESPACE
from staithe.render.k8s_network import network_policies
from staithe.render.k8s_scaling import scalers
from staithe.render.k8s_workloads import workload
from staithe.render.text import to_yaml

GENERATED: Final = "k8s/base/generated"


def render_k8s(topology: Topology) -> dict[str, str]:
    """Every generated manifest by its path from the repository's root, with the kustomization that lists them."""
    files = {f"{name}.yaml": to_yaml(*workload(topology, name)) for name in topology.services}
    files |= {
        "kafka-topics.yaml": to_yaml(*topics(topology)),
        "kafka-users.yaml": to_yaml(*users(topology)),
        "network-policies.yaml": to_yaml(*network_policies(topology)),
        "scaling.yaml": to_yaml(*scalers(topology)),
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": sorted(files),
    }
    files["kustomization.yaml"] = to_yaml(kustomization)
    return {f"{GENERATED}/{name}": text for name, text in files.items()}
