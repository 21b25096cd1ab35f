"""The files rendered from topology.yaml are fresh, valid, closed by default, and say what the services expect."""

import copy
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from staithe.kernel.topology import load_topology
from staithe.render import render, stale, write

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("staithe_validators", Path(__file__).parent / "validators.py")
assert _SPEC is not None
assert _SPEC.loader is not None
validators = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(validators)

TOPOLOGY = load_topology(ROOT / "topology.yaml")
RAW = yaml.safe_load((ROOT / "topology.yaml").read_text())
SERVICES = list(RAW["services"])
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BASE = list(validators.manifests(ROOT / "k8s" / "base"))


def _of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in BASE if each["kind"] == kind]


def _pods() -> dict[str, dict[str, Any]]:
    workloads = [*_of_kind("StatefulSet"), *_of_kind("Deployment")]
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in workloads}


def _copy_of_repository(target: Path) -> Path:
    shutil.copy(ROOT / "topology.yaml", target)
    write(target)
    return target


# Fresh


def test_rendered_files_equal_the_map() -> None:
    assert stale(ROOT) == []


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render(TOPOLOGY) == render(load_topology(ROOT / "topology.yaml"))


@pytest.mark.parametrize("path", ["docker-compose.yml", "k8s/base/generated/query.yaml", "services/audit/Dockerfile"])
def test_edited_file_is_stale(tmp_path: Path, path: str) -> None:
    root = _copy_of_repository(tmp_path)
    assert stale(root) == []
    (root / path).write_text((root / path).read_text() + "# edited\n")
    assert stale(root) == [Path(path)]


def test_file_that_nothing_renders_is_stale_and_removed(tmp_path: Path) -> None:
    root = _copy_of_repository(tmp_path)
    stray = root / "k8s" / "base" / "generated" / "stray.yaml"
    stray.write_text("kind: Pod\n")
    assert stale(root) == [stray.relative_to(root)]
    write(root)
    assert not stray.exists()


def test_every_rendered_file_carries_the_banner() -> None:
    assert all("do not edit" in text.splitlines()[0] for text in render(TOPOLOGY).values())


# Valid


def test_compose_file_follows_the_compose_schema() -> None:
    assert [fault.message for fault in validators.compose_validator().iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("read_olny", True), ("mem_limit", []), ("networks", 3), ("depends_on", {"x": {"condition": "up"}})],
)
def test_compose_schema_refuses_a_wrong_service(key: str, value: object) -> None:
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["query"][key] = value
    assert list(validators.compose_validator().iter_errors(wrong))


def test_manifests_follow_their_strict_schemas() -> None:
    assert [fault for manifest in BASE for fault in validators.faults(manifest)] == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("StatefulSet", ("spec", "template", "spec", "containers", 0, "securityContex"), {}),
        ("NetworkPolicy", ("spec", "policyType"), ["Ingress"]),
        ("KafkaTopic", ("spec", "partitions"), "six"),
        ("KafkaTopic", ("spec", "partition"), 6),
        ("KafkaTopic", ("metadata", "name"), "Upper"),
        ("KafkaUser", ("spec", "authorization", "acls", 0, "resource", "patternType"), "wildcard"),
        ("KafkaUser", ("spec", "authorization", "acls", 0, "operations"), ["READ"]),
        ("ScaledObject", ("spec", "maxReplicas"), 3),
        ("TriggerAuthentication", ("spec", "secretTargetRef", 0, "secret"), "x"),
        ("PodDisruptionBudget", ("kind"), "PodDisruptionBudgets"),
    ],
)
def test_strict_schemas_refuse_a_wrong_manifest(kind: str, path: tuple[Any, ...], value: object) -> None:
    wrong = copy.deepcopy(_of_kind(kind)[0])
    place: Any = wrong
    steps = (path,) if isinstance(path, str) else path
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    assert validators.faults(wrong)


def _kustomize(folder: str) -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "kustomize", folder]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("folder", ["k8s/base", "k8s/overlays/local", "k8s/overlays/production"])
def test_kustomize_builds_valid_manifests(folder: str) -> None:
    built = _kustomize(folder)
    assert built.returncode == 0, built.stderr
    documents = list(yaml.safe_load_all(built.stdout))
    assert len(documents) == len(BASE)
    assert [fault for manifest in documents for fault in validators.faults(manifest)] == []


# Closed by default


def test_pods_meet_the_restricted_standard() -> None:
    assert _pods().keys() == set(SERVICES)
    assert {name: faults for name, pod in _pods().items() if (faults := validators.restricted_faults(pod))} == {}


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("pod", "hostNetwork", True),
        ("pod", "automountServiceAccountToken", True),
        ("context", "runAsNonRoot", False),
        ("context", "seccompProfile", {"type": "Unconfined"}),
        ("container", "privileged", True),
        ("container", "allowPrivilegeEscalation", True),
        ("container", "capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        ("container", "readOnlyRootFilesystem", False),
    ],
)
def test_restricted_standard_refuses_a_loose_pod(where: str, key: str, value: object) -> None:
    pod = copy.deepcopy(_pods()["query"])
    places = {"pod": pod, "context": pod["securityContext"], "container": pod["containers"][0]["securityContext"]}
    places[where][key] = value
    assert validators.restricted_faults(pod)


def test_namespace_enforces_the_restricted_standard() -> None:
    (namespace,) = _of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_service_accounts_have_no_token() -> None:
    accounts = {each["metadata"]["name"]: each["automountServiceAccountToken"] for each in _of_kind("ServiceAccount")}
    assert accounts == dict.fromkeys([*SERVICES, "default"], False)


def _expected_edges() -> set[tuple[str, str]]:
    """Edges from the plain text of the map, without the renderer's code."""
    edges = set()
    for name, service in RAW["services"].items():
        edges |= {(name, "kafka"), (name, "registry")}
        edges |= {(name, "milvus")} if "milvus" in service else set()
        edges |= {(name, "objects")} if service.get("objects") else set()
        edges |= {(name, "issuer")} if "https" in service.get("serves", {}) else set()
        edges |= {(name, "keys")} if _asks_keys(service) else set()
        edges |= {(name, log) for log, other in RAW["services"].items() if name in other.get("readers", {})}
    return edges


def _asks_keys(service: dict[str, Any]) -> bool:
    return service.get("shreds", False) or bool({*service.get("seals", ()), *service.get("opens", ())} - {"record"})


def _peer_name(peer: dict[str, Any]) -> str:
    ((kind, chosen),) = peer.items()
    ((label, value),) = chosen["matchLabels"].items()
    if kind == "namespaceSelector":
        assert label == "staithe-part"
        return str(value)
    return "kafka" if label == "strimzi.io/cluster" else str(value)


def _doors(direction: str) -> set[tuple[str, str, int]]:
    """(pods that the policy selects, peer, port) of the generated policies."""
    generated = validators.manifests(ROOT / "k8s" / "base" / "generated")
    doors = set()
    for policy in (each for each in generated if each["kind"] == "NetworkPolicy"):
        spec = policy["spec"]
        for rule in spec.get(direction, ()):
            (peer,), (port,) = rule["to" if direction == "egress" else "from"], rule["ports"]
            doors.add((_peer_name({"podSelector": spec["podSelector"]}), _peer_name(peer), port["port"]))
    return doors


def test_egress_doors_are_exactly_the_edges_of_the_map() -> None:
    ports = {"kafka": 9093, "registry": 8443, "milvus": 19530, "issuer": 8443, "keys": 8443, "audit": 8443}
    ports |= {"objects": 9000}
    assert _doors("egress") == {(source, target, ports[target]) for source, target in _expected_edges()}


def test_ingress_doors_are_exactly_the_edges_of_the_map() -> None:
    ours = {"kafka": 9093, "registry": 8443, "keys": 8443, "audit": 8443}
    inside = {(target, source) for source, target in _expected_edges() if target in ours}
    served = {
        (name, "clients", 8443) for name, service in RAW["services"].items() if "https" in service.get("serves", {})
    }
    served |= {("audit", reader, 8443) for reader in ("witness", "auditor")}
    expected = {(target, source, ours[target]) for target, source in inside}
    expected |= served | {(name, "monitoring", 8080) for name in SERVICES} | {("kafka", "autoscaler", 9093)}
    assert _doors("ingress") == expected


def test_everything_else_is_denied_in_both_directions() -> None:
    (deny,) = [each for each in _of_kind("NetworkPolicy") if each["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_services_share_no_compose_network_with_each_other() -> None:
    networks = {name: set(COMPOSE["services"][name]["networks"]) for name in SERVICES}
    shared = {frozenset((a, b)) for a in SERVICES for b in SERVICES if a != b and networks[a] & networks[b]}
    assert shared == {frozenset(edge) for edge in _expected_edges() if edge[1] in SERVICES}


def test_compose_networks_join_exactly_the_edges_of_the_map() -> None:
    parts = {"kafka-1": "kafka", "kafka-2": "kafka", "kafka-3": "kafka", "prometheus": "monitoring"}
    joined = set()
    for name in SERVICES:
        for other, container in COMPOSE["services"].items():
            if other != name and set(COMPOSE["services"][name]["networks"]) & set(container["networks"]):
                joined.add((name, parts.get(other, other)))
    # A network has no direction: who is asked shares it with who asks.
    back = {(target, source) for source, target in _expected_edges() if target in SERVICES}
    containers = {edge for edge in _expected_edges() if edge[1] != "objects"}  # a folder on one host
    assert joined == containers | back | {(name, "monitoring") for name in SERVICES}


def test_only_what_is_published_has_a_way_out_of_the_host() -> None:
    open_networks = {name for name, network in COMPOSE["networks"].items() if not network["internal"]}
    assert open_networks == {"front-ingestion", "front-sanitization", "front-query", "front-issuer"}
    ports = {name: each["ports"] for name, each in COMPOSE["services"].items() if "ports" in each}
    assert ports.keys() == {"ingestion", "sanitization", "query", "issuer"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_container_has_no_privileges_and_bounded_resources(name: str) -> None:
    container = COMPOSE["services"][name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["user"] not in {"root", "0", "0:0"}
    assert {"mem_limit", "pids_limit", "tmpfs", "healthcheck", "logging"} <= container.keys()
    assert ":" in container["image"]
    assert not container["image"].endswith(":latest")
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & container.keys()


def test_no_secret_is_in_an_environment_or_belongs_to_two_services() -> None:
    for name in SERVICES:
        mounted = {each["source"] for each in COMPOSE["services"][name]["secrets"]}
        assert all(source.startswith(f"{name}-") for source in mounted)
    words = re.compile(r"PASSWORD|SECRET|TOKEN|PASSPHRASE|KEY(?!S)")
    for container in COMPOSE["services"].values():
        for variable in container.get("environment", {}):
            if words.search(variable):
                assert variable.endswith(("_FILE", "_FILES")), variable


# What the brokers are told


def _acls() -> set[tuple[str, str, str, str, str]]:
    return {
        (
            user["metadata"]["name"],
            acl["resource"]["type"],
            acl["resource"]["name"],
            acl["resource"]["patternType"],
            operation,
        )
        for user in _of_kind("KafkaUser")
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }


def test_kafka_users_have_exactly_the_grants_of_the_map() -> None:
    kinds = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}
    assert _acls() == {
        (
            each.principal,
            kinds[each.resource],
            each.name,
            "prefix" if each.prefixed else "literal",
            each.operation.capitalize(),
        )
        for each in TOPOLOGY.grants()
    }


def test_no_kafka_user_has_a_wildcard_or_an_administrative_right() -> None:
    assert all(name != "*" and operation in {"Read", "Write", "Describe"} for _, _, name, _, operation in _acls())
    assert all(kind == "transactionalId" for _, kind, _, pattern, _ in _acls() if pattern == "prefix")


def test_kafka_topics_are_exactly_the_topics_of_the_map() -> None:
    rendered = {each["spec"]["topicName"]: each["spec"]["partitions"] for each in _of_kind("KafkaTopic")}
    assert rendered == {topic.name: topic.partitions for topic in TOPOLOGY.all_topics()}


def test_scaling_never_exceeds_the_partitions() -> None:
    for scaler in _of_kind("ScaledObject"):
        topics = [trigger["metadata"]["topic"] for trigger in scaler["spec"]["triggers"]]
        assert topics == RAW["services"][scaler["metadata"]["name"]]["consumes"]
        assert scaler["spec"]["maxReplicaCount"] <= max(RAW["topics"][topic]["partitions"] for topic in topics)


# What the services are told


def _settings_class(service: str) -> type[BaseSettings]:
    module = importlib.import_module(f"staithe.{service}.settings")
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseSettings) and each.__module__ == module.__name__
    ]
    (settings,) = [each for each in found if not any(other is not each and issubclass(other, each) for other in found)]
    return settings


def _kubernetes_names(service: str) -> set[str]:
    return {variable["name"] for variable in _pods()[service]["containers"][0]["env"]}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_rendered_settings_are_those_the_service_has(service: str, where: str) -> None:
    rendered = set(COMPOSE["services"][service]["environment"]) if where == "compose" else _kubernetes_names(service)
    prefix = f"STAITHE_{service.upper()}_"
    assert all(name.startswith(prefix) for name in rendered)
    fields = _settings_class(service).model_fields
    known = {prefix + name.upper() for name in fields}
    required = {prefix + name.upper() for name, field in fields.items() if field.is_required()}
    assert rendered - known == set(), "rendered, but the service has no such setting"
    assert required - rendered == set(), "required by the service, but not rendered"


@pytest.mark.parametrize("service", SERVICES)
def test_rendered_settings_are_accepted(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from staithe.kernel.settings import load_settings  # noqa: PLC0415

    for name, value in COMPOSE["services"][service]["environment"].items():
        monkeypatch.setenv(name, value)
    assert load_settings(_settings_class(service), service)


def test_replica_number_comes_from_the_pod_index_where_it_names_transactions() -> None:
    for name, service in RAW["services"].items():
        variables = {each["name"]: each for each in _pods()[name]["containers"][0]["env"]}
        replica = variables.get(f"STAITHE_{name.upper()}_REPLICA")
        assert (replica is not None) == service.get("transactional", True)


@pytest.mark.parametrize("service", SERVICES)
def test_image_holds_exactly_the_packages_the_service_depends_on(service: str) -> None:
    folder = ROOT / ("libs" if service == "keys" else "services") / service
    project, copied = (folder / "pyproject.toml").read_text(), (folder / "Dockerfile").read_text()
    assert ('"staithe-vectors"' in project) == ("libs/vectors/src" in copied)
    assert (service == "keys" or '"staithe-keys"' in project) == ("libs/keys/src" in copied)
    assert "libs/kernel/src" in copied


def _hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "hadolint"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_dockerfiles_pass_hadolint() -> None:
    paths = [
        *ROOT.glob("services/*/Dockerfile"),
        *ROOT.glob("libs/*/Dockerfile"),
        *ROOT.glob("deploy/docker/*/Dockerfile"),
    ]
    assert len(paths) == len(SERVICES) + 2
    assert "".join(_hadolint(path).stdout for path in paths) == ""


def test_hadolint_refuses_a_bad_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN sudo pip install x\n")
    assert _hadolint(tmp_path / "Dockerfile").returncode != 0
