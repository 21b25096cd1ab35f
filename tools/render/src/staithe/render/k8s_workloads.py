"""One workload per service under the restricted Pod Security Standard, with its service and disruption budget.

A transactional service is a StatefulSet: its pod's index is its replica number, which fixes its transactional id.
"""

from dataclasses import replace
from typing import Any, Final

from staithe.kernel.topology import Topology
from staithe.render import images
from staithe.render.dockerfiles import UID
from staithe.render.environment import (
    AUDIT_LOG,
    HEALTH_PORT,
    HTTPS_PORT,
    KEYS_STATE,
    NOWHERE,
    SECRETS,
    TRUST,
    environment,
    secret_files,
)
from staithe.render.k8s_kafka import BOOTSTRAP
from staithe.render.k8s_names import Manifest, labels, metadata, selector

ADDRESSES: Final = "staithe-addresses"
"""ConfigMap in k8s/base that says where registry, Milvus and issuer are; overlays change it."""

TRUST_MAP: Final = "staithe-trust"
"""ConfigMap that the site makes: ca.pem, keys_ca.pem, milvus_ca.pem, lineage.json."""

_FROM_ADDRESSES: Final = {
    "REGISTRY_URL": "registry_url",
    "MILVUS_URI": "milvus_uri",
    "OBJECTS_URL": "objects_url",
    "OBJECTS_ENDPOINT": "objects_endpoint",
    "ISSUER_URL": "issuer_url",
    "CONSOLE_URL": "console_url",
    "MILVUS_SERVER_NAME": "milvus_server_name",
}

_SITE: Final = replace(NOWHERE, kafka_bootstrap=BOOTSTRAP, keys_url=f"https://keys:{HTTPS_PORT}")
_RESOURCES: Final = {
    "embedding": ("1", "2", "1Gi"),
    "query": ("500m", "2", "1Gi"),
    "ingestion": ("250m", "2", "1Gi"),
}
_RESOURCES_DEFAULT: Final = ("100m", "1", "512Mi")
"""Processor asked for, processor at most, memory (asked for and at most: nobody is evicted for another's use)."""

_STAGED: Final = "/staged"
_GRACE_SECONDS: Final = 45
"""More than one batch and its transaction, so that a stop never has to be a kill."""


def kind_of(topology: Topology, name: str) -> str:
    """StatefulSet for whoever needs a number or a disk of its own, Deployment otherwise."""
    return "StatefulSet" if topology.services[name].transactional or _has_disk(topology, name) else "Deployment"


def workload(topology: Topology, name: str) -> list[Manifest]:
    """Everything that runs one service, in the order in which it can be applied."""
    return [_service(topology, name), _controller(topology, name), _budget(name)]


def _has_disk(topology: Topology, name: str) -> bool:
    return _disk_of(topology, name) is not None


def _disk_of(topology: Topology, name: str) -> str | None:
    """Where the service keeps what must outlive it."""
    if AUDIT_LOG in environment(topology, name, _SITE).values():
        return AUDIT_LOG
    return KEYS_STATE if topology.services[name].serves.keys is not None else None


def _controller(topology: Topology, name: str) -> Manifest:
    kind = kind_of(topology, name)
    spec: Manifest = {"replicas": 1, "selector": selector(name)}
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    spec["template"] = {"metadata": {"labels": labels(name)}, "spec": _pod(topology, name)}
    if _has_disk(topology, name):
        spec["volumeClaimTemplates"] = [_claim()]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata(name), "spec": spec}


def _claim() -> Manifest:
    return {
        "metadata": {"name": "state"},
        "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "20Gi"}}},
    }


def _pod(topology: Topology, name: str) -> Manifest:
    return {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_copy_secrets(name)],
        "containers": [_container(topology, name)],
        "volumes": _volumes(topology, name),
    }


def _copy_secrets(name: str) -> Manifest:
    """Kubernetes shows secrets as links to group-readable files; a service takes only plain files of mode 0400."""
    return {
        "name": "secrets",
        "image": images.own(name),
        "command": ["/bin/sh", "-c", f"exec install -m 0400 {_STAGED}/* {SECRETS}/"],
        "securityContext": _confined(),
        "resources": _resources("50m", "100m", "64Mi"),
        "volumeMounts": [
            {"name": "staged", "mountPath": _STAGED, "readOnly": True},
            {"name": "secrets", "mountPath": SECRETS},
        ],
    }


def _container(topology: Topology, name: str) -> Manifest:
    container: Manifest = {
        "name": name,
        "image": images.own(name),
        "imagePullPolicy": "IfNotPresent",
        "env": _environment(topology, name),
        "ports": [{"name": port, "containerPort": number} for port, number in _ports(topology, name).items()],
        "securityContext": _confined(),
        "resources": _resources(*_RESOURCES.get(name, _RESOURCES_DEFAULT)),
        "startupProbe": _probe("/livez", period=5, failures=36),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
        "volumeMounts": [
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "trust", "mountPath": TRUST, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - a container's own scratch
        ],
    }
    disk = _disk_of(topology, name)
    if disk is not None:
        container["volumeMounts"].append({"name": "state", "mountPath": disk})
    return container


def _confined() -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _resources(asked: str, most: str, memory: str) -> Manifest:
    return {"requests": {"cpu": asked, "memory": memory}, "limits": {"cpu": most, "memory": memory}}


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    http = {"path": path, "port": "health"}
    return {"httpGet": http, "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures}


def _environment(topology: Topology, name: str) -> list[Manifest]:
    prefix = f"STAITHE_{name.upper()}_"
    variables: list[Manifest] = []
    for variable, value in environment(topology, name, _SITE).items():
        key = _FROM_ADDRESSES.get(variable.removeprefix(prefix))
        if key is None:
            variables.append({"name": variable, "value": value})
        else:
            variables.append({"name": variable, "valueFrom": {"configMapKeyRef": {"name": ADDRESSES, "key": key}}})
    if topology.services[name].transactional:
        index = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
        variables.append({"name": f"{prefix}REPLICA", "valueFrom": index})
    return variables


def _ports(topology: Topology, name: str) -> dict[str, int]:
    serves, health = topology.services[name].serves, {"health": HEALTH_PORT}
    listens = serves.https is not None or serves.keys is not None or serves.log is not None
    return {"https": HTTPS_PORT} | health if listens else health


def _volumes(topology: Topology, name: str) -> list[Manifest]:
    return [
        {"name": "staged", "projected": {"defaultMode": 0o400, "sources": _sources(topology, name)}},
        {"name": "secrets", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "trust", "configMap": {"name": TRUST_MAP, "defaultMode": 0o444}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "256Mi"}},
    ]


def _sources(topology: Topology, name: str) -> list[dict[str, Any]]:
    """The password from the Secret that Strimzi makes for the user, all else from the service's own Secret."""
    own = [{"key": file, "path": file} for file in secret_files(topology, name) if file != "kafka_password"]
    sources: list[dict[str, Any]] = [
        {"secret": {"name": name, "items": [{"key": "password", "path": "kafka_password"}]}},
    ]
    if own:
        sources.append({"secret": {"name": f"{name}-files", "items": own}})
    return sources


def _service(topology: Topology, name: str) -> Manifest:
    """Headless where nobody outside calls it: a StatefulSet needs one, and monitoring finds each pod."""
    ports = [{"name": port, "port": number, "targetPort": port} for port, number in _ports(topology, name).items()]
    spec: Manifest = {"selector": {"app.kubernetes.io/name": name}, "ports": ports}
    if "https" not in _ports(topology, name):
        spec["clusterIP"] = "None"
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": spec}


def _budget(name: str) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": selector(name)}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(name), "spec": spec}
