"""Strict validators of rendered files: schemas in this folder, nothing fetched, unknown fields refused."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft7Validator
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent


@cache
def compose_validator() -> Validator:
    schema = json.loads((HERE / "schemas" / "compose-spec.json").read_text())
    return validator_for(schema)(schema)


@cache
def kind_validators() -> dict[str, Validator]:
    """`apiVersion/kind` → its validator: Kubernetes' own kinds, Strimzi's and KEDA's."""
    bundle = json.loads((HERE / "schemas" / "kubernetes-1.34.json").read_text())
    found: dict[str, Validator] = {
        kind: Draft7Validator({"$ref": reference, "definitions": bundle["definitions"]})
        for kind, reference in bundle["kinds"].items()
    }
    for path in sorted((HERE / "crds").glob("*.yaml")):
        for definition in yaml.safe_load_all(path.read_text()):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                # A definition says nothing of metadata: the server checks it. These fields are all we use.
                schema["properties"]["metadata"] = {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "namespace"],
                    "properties": {
                        "name": {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"},
                        "namespace": {"type": "string"},
                        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}},
                    },
                }
                found[f"{spec['group']}/{version['name']}/{spec['names']['kind']}"] = Draft7Validator(schema)
    return found


def _strict(schema: Any) -> Any:
    """A structural schema in which every object with known fields refuses others."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(each) for name, each in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
    }
    open_on_purpose = "additionalProperties" in strict or strict.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in strict and not open_on_purpose:
        strict["additionalProperties"] = False
    return strict


def faults(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest; a kind without a schema is a fault, too."""
    kind = f"{manifest.get('apiVersion')}/{manifest.get('kind')}"
    validator = kind_validators().get(kind)
    if validator is None:
        return [f"no schema for {kind}"]
    return [
        f"{kind} {manifest['metadata'].get('name')}: {fault.json_path}: {fault.message}"
        for fault in validator.iter_errors(manifest)
    ]


def manifests(folder: Path) -> Iterator[dict[str, Any]]:
    """Every manifest below `folder`, without kustomizations."""
    for path in sorted(folder.glob("**/*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] != "Kustomization":
                yield document


def restricted_faults(pod: dict[str, Any]) -> list[str]:
    """What the restricted Pod Security Standard (Kubernetes 1.34) would refuse in a pod's spec, and two rules more."""
    context = pod.get("securityContext", {})
    wrong = [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    if pod.get("automountServiceAccountToken") is not False:
        wrong.append("automountServiceAccountToken")
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        wrong.append("runAsNonRoot")
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        wrong.append("seccompProfile")
    allowed = {
        "configMap",
        "emptyDir",
        "projected",
        "secret",
        "persistentVolumeClaim",
        "downwardAPI",
        "csi",
        "ephemeral",
    }
    wrong += [f"volume {each['name']}" for each in pod.get("volumes", ()) if not (each.keys() - {"name"}) <= allowed]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        own = container.get("securityContext", {})
        checks = {
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "privileged": not own.get("privileged"),
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "runAsUser": own.get("runAsUser") != 0 and own.get("runAsNonRoot") is not False,
            "hostPort": not any("hostPort" in port for port in container.get("ports", ())),
            "limits": {"cpu", "memory"} <= container.get("resources", {}).get("limits", {}).keys(),
        }
        wrong += [f"{container['name']}: {name}" for name, right in checks.items() if not right]
    return wrong
