"""Makes a broker and a schema registry equal to topology.yaml: the local stack's, or any others'."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staithe.kernel.codec import load_event_schemas
from staithe.kernel.files import read_password
from staithe.kernel.stream.admin import Change, Operator
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import Registry
from staithe.kernel.topology import Topology


@dataclass(frozen=True, slots=True)
class Site:
    """Where to apply the map, and as whom."""

    operator: KafkaAccess
    registry: Registry
    schemas_dir: Path
    replication: int


def users_of(topology: Topology) -> tuple[str, ...]:
    """Every principal that needs a SCRAM user; the operator has one from the broker's first format."""
    others = (name for name, each in topology.principals.items() if not each.superuser)
    return (*topology.services, *others)


def read_passwords(topology: Topology, folder: Path) -> dict[str, str]:
    """Each user's password from `<folder>/<user>/kafka_password`; raises ConfigurationError when one is missing."""
    return {name: read_password(folder / name / "kafka_password") for name in users_of(topology)}


def apply_topology(topology: Topology, site: Site, passwords: Mapping[str, str]) -> list[Change]:
    """Apply the map and register every schema; idempotent. Returns what changed on the broker.

    Raises AccessDenied, Unavailable, or ConfigurationError when the registry refuses a schema.
    """
    changes = Operator(site.operator).apply(topology, passwords, replication=site.replication)
    schemas = load_event_schemas(site.schemas_dir)
    for topic in topology.all_topics():
        site.registry.register(topic.subject, schemas[topic.schema_name])
    return changes
