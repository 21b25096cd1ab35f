"""docker-compose.yml: the whole system on one host with production parts (Compose specification).

A container shares a network only with what it talks to: one network per edge of the map, none with a way out of the
host except those of the two services that publish a port, on 127.0.0.1. Every secret is a file of one owner.
"""

from typing import Final

from staithe.kernel.topology import Topology
from staithe.render import compose_parts, images
from staithe.render.containers import Container, hardened, probe, secret, secret_name, volume, wait_for
from staithe.render.dockerfiles import dockerfile_of
from staithe.render.edges import ISSUER, KAFKA, KEYS, MILVUS, MONITORING, REGISTRY, Edge, service_edges
from staithe.render.edges import OBJECTS as OBJECTS_PART
from staithe.render.environment import (
    AUDIT_LOG,
    HEALTH_PORT,
    HTTPS_PORT,
    KEYS_STATE,
    OBJECTS,
    TRUST,
    Site,
    environment,
    secret_files,
    trust_files,
)
from staithe.render.kafka_config import BROKERS, bootstrap, broker_name, internal_name, server_properties
from staithe.render.text import Document, to_yaml

SITE: Final = Site(
    kafka_bootstrap=bootstrap(),
    registry_url="https://registry:8443/apis/ccompat/v7",
    milvus_uri="https://milvus:19530",
    issuer_url=f"https://{compose_parts.ISSUER_HOST}:{compose_parts.ISSUER_PORT}/realms/staithe",
    milvus_server_name="milvus",
    keys_url=f"https://{KEYS}:{HTTPS_PORT}",
    objects_url=f"file://{OBJECTS}",
    console_url=compose_parts.CONSOLE_URL,
)

SECRETS_FOLDER: Final = compose_parts.SECRETS_FOLDER
APPLY: Final = "topology-apply"
PUBLISHED: Final = {"query": 8443, "ingestion": 8444, "sanitization": 8445}
"""Port on 127.0.0.1 of each service that applications may call."""

_MEMORY: Final = {"embedding": "1g", "query": "1g", "ingestion": "1g"}
"""More than 512m: two hold the model, one runs parsers in child processes."""

_NOTE: Final = """\
First: `python -m staithe.render secrets .` makes .secrets/, .compose/ and .env (docs: deploy/docker/README.md).
Then: `docker compose up --build --wait`. Never scale a service here: a replica's number must differ, and Compose
cannot give one; Kubernetes can. Image tags are pinned, digests are not (see staithe.render.images)."""

_INTERNAL: Final = "kafka-internal"
_SUBNETS: Final = "10.203.{}.0/27"
"""Small and explicit: Docker's default pools end after about thirty networks."""


def render_compose(topology: Topology) -> str:
    """The text of docker-compose.yml."""
    services = _services(topology)
    networks = sorted({network for container in services.values() for network in container["networks"]})
    secrets = {(each["source"]) for container in services.values() for each in container.get("secrets", ())}
    places = _secret_places(topology)
    document: Document = {
        "name": "staithe",
        "services": services,
        "networks": {
            network: _network(index, internal=not network.startswith("front-"))
            for index, network in enumerate(networks)
        },
        "configs": {name: {"content": content.replace("$", "$$")} for name, content in _configs(topology).items()},
        "secrets": {name: {"file": places[name]} for name in sorted(secrets)},
    }
    return to_yaml(document, note=_NOTE)


def _services(topology: Topology) -> dict[str, Container]:
    reached = _networks_of_parts(topology)
    brokers = {
        name: container
        | {"networks": dict.fromkeys(reached[KAFKA]) | {_INTERNAL: {"aliases": [internal_name(number)]}}}
        for number, (name, container) in zip(BROKERS, compose_parts.all_brokers().items(), strict=True)
    }
    parts = {
        REGISTRY: compose_parts.registry(),
        ISSUER: compose_parts.issuer(),
        MILVUS: compose_parts.milvus(),
        "prometheus": compose_parts.prometheus(),
        "grafana": compose_parts.grafana(),
        "openbao": compose_parts.key_service(),
    }
    joined = {name: container | {"networks": dict.fromkeys(reached[name])} for name, container in parts.items()}
    alias = {"aliases": [compose_parts.ISSUER_HOST]}
    joined[ISSUER]["networks"] = dict.fromkeys(reached[ISSUER], alias) | {f"front-{ISSUER}": None}
    ours = {name: _service(topology, name) for name in topology.services}
    return brokers | joined | {APPLY: _apply(topology)} | ours


def _networks_of_parts(topology: Topology) -> dict[str, list[str]]:
    """The networks of each part: one per service that connects to it."""
    reached: dict[str, list[str]] = {KAFKA: [], REGISTRY: [], ISSUER: [], MILVUS: []}
    for edge in _edges(topology):
        if edge.target in topology.services:
            continue
        reached[edge.target].append(_between(edge.source, edge.target))
    for part in (KAFKA, REGISTRY):
        reached[part].append(_between(APPLY, part))
    reached["prometheus"] = [*(_between(MONITORING, name) for name in topology.services), "grafana-prometheus"]
    reached["grafana"] = ["grafana-prometheus"]
    reached["openbao"] = ["openbao-alone"]
    return reached


def _edges(topology: Topology) -> tuple[Edge, ...]:
    """The connections between containers: on one host the object store is a folder."""
    return tuple(edge for edge in service_edges(topology) if edge.target != OBJECTS_PART)


def _between(source: str, target: str) -> str:
    return f"{source}-{target}"


def _network(index: int, *, internal: bool) -> Document:
    subnet = _SUBNETS.format(index)
    return {"driver": "bridge", "internal": internal, "ipam": {"config": [{"subnet": subnet}]}}


def _service(topology: Topology, name: str) -> Container:
    edges = [edge for edge in _edges(topology) if edge.source == name]
    networks = [*(_between(name, edge.target) for edge in edges), _between(MONITORING, name)]
    networks += [_between(edge.source, name) for edge in _edges(topology) if edge.target == name]
    parts = [part for edge in edges for part in (_brokers() if edge.target == KAFKA else (edge.target,))]
    container = hardened(images.own(name), memory=_MEMORY.get(name, "512m"), processes=256) | {
        "build": {"context": ".", "dockerfile": dockerfile_of(topology, name)},
        "environment": environment(topology, name, SITE),
        "secrets": [secret(name, file) for file in secret_files(topology, name)],
        "volumes": [_trust(file) for file in trust_files(topology, name)],
        "depends_on": wait_for(*parts, finished=(APPLY,)),
        "healthcheck": probe(*_ready_probe(), start_seconds=60),
        "stop_grace_period": "30s",
    }
    if AUDIT_LOG in container["environment"].values():
        container["volumes"].append(volume(f"{compose_parts.STATE}/{name}", AUDIT_LOG))
    if topology.services[name].serves.https is not None:
        networks.append(f"front-{name}")
        container["ports"] = [f"127.0.0.1:{PUBLISHED[name]}:{HTTPS_PORT}"]
    if topology.services[name].serves.keys is not None:
        container["volumes"].append(volume(f"{compose_parts.STATE}/{name}", KEYS_STATE))
    if topology.services[name].objects:
        container["volumes"].append(volume(f"{compose_parts.STATE}/objects", OBJECTS))
    return container | {"networks": dict.fromkeys(networks)}


def _brokers() -> tuple[str, ...]:
    return tuple(broker_name(number) for number in BROKERS)


def _ready_probe() -> tuple[str, ...]:
    url = f"http://127.0.0.1:{HEALTH_PORT}/readyz"
    return ("python", "-c", f"import urllib.request; urllib.request.urlopen('{url}', timeout=4)")


def _trust(file: str) -> Container:
    return volume(f"{SECRETS_FOLDER}/trust/{file}", f"{TRUST}/{file}", read_only=True)


def _principals(topology: Topology) -> list[str]:
    return [*topology.services, *(name for name, rules in topology.principals.items() if not rules.superuser)]


def _apply(topology: Topology) -> Container:
    """The one-shot job that makes the brokers and the registry equal to the map, then ends."""
    operator = [secret("operator", "kafka_password")]
    users = [
        {"source": secret_name(name, "kafka_password"), "target": f"principals/{name}"}
        for name in _principals(topology)
    ]
    container = hardened(images.own(APPLY), memory="512m", processes=128) | {
        "build": {"context": ".", "dockerfile": "deploy/docker/topology-apply/Dockerfile"},
        "command": [
            "--bootstrap", SITE.kafka_bootstrap, "--registry-url", SITE.registry_url, "--ca-file", f"{TRUST}/ca.pem",
            "--operator-password-file", "/run/secrets/kafka_password", "--passwords-dir", "/run/secrets/principals",
            "--replicas", str(len(BROKERS)),
        ],
        "secrets": operator + users,
        "volumes": [_trust("ca.pem")],
        "depends_on": wait_for(*_brokers(), REGISTRY),
        "healthcheck": {"disable": True},
        "networks": dict.fromkeys([_between(APPLY, KAFKA), _between(APPLY, REGISTRY)]),
    }  # fmt: skip
    return container | {"restart": "on-failure:5"}


def _configs(topology: Topology) -> dict[str, str]:
    brokers = {f"{broker_name(number)}-properties": server_properties(topology, number) for number in BROKERS}
    return brokers | {
        "openbao": compose_parts.OPENBAO_SETTINGS,
        "milvus-etcd": compose_parts.MILVUS_ETCD_SETTINGS,
        "prometheus": compose_parts.prometheus_settings(topology),
        "grafana": compose_parts.GRAFANA_SETTINGS,
    }


def secret_owners(topology: Topology) -> dict[str, tuple[str, ...]]:
    """Who owns which secret files below .secrets/: the folder is the owner's name."""
    broker_files = ("client_keystore.pem", "internal_keystore.pem", "internal_ca.pem", "operator_scram")
    tls = ("tls.pem", "tls.key")
    owners = {name: secret_files(topology, name) for name in topology.services}
    owners |= dict.fromkeys(topology.principals, ("kafka_password",))
    owners |= {
        name: ("kafka_password", "keyring.json", "keys.pem", "keys.key")
        for name, each in topology.principals.items()
        if each.asks_keys
    }
    owners |= dict.fromkeys(_brokers(), broker_files) | dict.fromkeys((REGISTRY, ISSUER, "openbao"), tls)
    return owners | {MILVUS: (*tls, "ca.pem", "user.yaml"), "grafana": ("admin_password",)}


def _secret_places(topology: Topology) -> dict[str, str]:
    return {
        secret_name(owner, file): f"{SECRETS_FOLDER}/{owner}/{file}"
        for owner, files in secret_owners(topology).items()
        for file in files
    }


def state_folders(topology: Topology) -> tuple[str, ...]:
    """Names of the data folders below .compose/ that containers mount."""
    mounted = [each["source"] for container in _services(topology).values() for each in container.get("volumes", ())]
    prefix = f"{compose_parts.STATE}/"
    return tuple(sorted(source.removeprefix(prefix) for source in mounted if source.startswith(prefix)))
