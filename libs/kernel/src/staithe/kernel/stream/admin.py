"""Makes a broker equal to topology.yaml: topics, SCRAM users, and literal access rules. Operators only.

Applying twice changes nothing. Rules on the broker that the map does not have are removed, so that a right that was
taken off the map is gone, not forgotten.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from staithe.kernel.limits import DEAD_LETTER_OVERHEAD_BYTES
from staithe.kernel.stream.client import REQUEST_SECONDS_MAX, KafkaAccess, wrap
from staithe.kernel.topology import DEAD_LETTER_SUFFIX, Grant, Topic, Topology

SCRAM_ITERATIONS: Final = 8192
_RESOURCES: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between broker and map that was mended."""

    kind: str
    name: str


class Operator:
    """A connection with the operator's rights."""

    def __init__(self, access: KafkaAccess) -> None:
        self._admin = AdminClient(access.config())

    def ready(self) -> bool:
        """Whether the broker answers a metadata request now."""
        try:
            self._admin.list_topics(timeout=2.0)
        except KafkaException:
            return False
        return True

    def apply(self, topology: Topology, passwords: Mapping[str, str], *, replication: int) -> list[Change]:
        """Make topics, users and rules equal to `topology`; returns what changed.

        `passwords` holds one for each principal to (re)set. Raises AccessDenied or Unavailable.
        """
        changes = self._apply_topics(list(topology.all_topics()), topology, replication)
        changes += self.set_passwords(passwords)
        return changes + self._apply_grants(list(topology.grants()))

    def _apply_topics(self, topics: list[Topic], topology: Topology, replication: int) -> list[Change]:
        existing = self._existing_topics()
        wanted = {topic.name: _topic_config(topic, topology) for topic in topics}
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            futures = self._admin.create_topics(
                [NewTopic(each.name, each.partitions, replication, config=wanted[each.name]) for each in missing]
            )
            _settle(futures, "creating topics", accept=KafkaError.TOPIC_ALREADY_EXISTS)
        present = [topic for topic in topics if topic.name in existing]
        return [Change("topic", each.name) for each in missing] + self._apply_topic_configs(present, wanted)

    def _existing_topics(self) -> frozenset[str]:
        try:
            return frozenset(self._admin.list_topics(timeout=REQUEST_SECONDS_MAX).topics)
        except KafkaException as error:
            raise wrap(error, "asking the broker for its topics") from error

    def _apply_topic_configs(self, topics: list[Topic], wanted: Mapping[str, Mapping[str, str]]) -> list[Change]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, each.name) for each in topics]
        if not resources:
            return []
        described = _settle(self._admin.describe_configs(resources), "reading topic settings")
        drifted = [
            ConfigResource(ConfigResource.Type.TOPIC, resource.name, set_config=dict(wanted[resource.name]))
            for resource, entries in described.items()
            if any(entries[name].value != value for name, value in wanted[resource.name].items())
        ]
        if drifted:
            _settle(self._admin.alter_configs(drifted), "changing topic settings")
        return [Change("topic-config", each.name) for each in drifted]

    def set_passwords(self, passwords: Mapping[str, str]) -> list[Change]:
        """Set the SCRAM password of each principal; who is connected stays so. Raises AccessDenied or Unavailable."""
        if not passwords:
            return []
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        upsertions: list[Any] = [
            UserScramCredentialUpsertion(name, credential, password.encode()) for name, password in passwords.items()
        ]
        _settle(self._admin.alter_user_scram_credentials(upsertions), "setting SCRAM credentials")
        return [Change("user", name) for name in passwords]

    def grants(self) -> list[AclBinding]:
        """Every access rule on the broker."""
        anything: Any = None
        everything = AclBindingFilter(
            ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything,
            AclOperation.ANY, AclPermissionType.ANY,
        )  # fmt: skip
        try:
            found: list[AclBinding] = self._admin.describe_acls(everything).result(REQUEST_SECONDS_MAX)
        except KafkaException as error:
            raise wrap(error, "reading access rules") from error
        return found

    def _apply_grants(self, grants: list[Grant]) -> list[Change]:
        wanted = {_identity(each): each for each in map(_binding, grants)}
        present = {_identity(each): each for each in self.grants()}
        missing = [binding for identity, binding in wanted.items() if identity not in present]
        surplus = [binding for identity, binding in present.items() if identity not in wanted]
        if missing:
            _settle(self._admin.create_acls(missing), "creating access rules")
        if surplus:
            _settle(self._admin.delete_acls([_exactly(each) for each in surplus]), "removing access rules")
        named = [("grant", each) for each in missing] + [("revoke", each) for each in surplus]
        return [Change(kind, f"{each.principal} {_word(each.operation)} {each.name}") for kind, each in named]


def _topic_config(topic: Topic, topology: Topology) -> dict[str, str]:
    hours = topic.retention_hours
    keep = {"cleanup.policy": topic.cleanup_policy}
    if hours is not None:
        keep["retention.ms"] = str(hours * 3_600_000)
    extra = DEAD_LETTER_OVERHEAD_BYTES if topic.name.endswith(DEAD_LETTER_SUFFIX) else 0
    return keep | {"max.message.bytes": str(topology.limits.record_bytes_max + extra)}


def _binding(grant: Grant) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL
    return AclBinding(
        _RESOURCES[grant.resource], grant.name, pattern, f"User:{grant.principal}", "*",
        AclOperation[grant.operation], AclPermissionType.ALLOW,
    )  # fmt: skip


def _exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype, binding.name, binding.resource_pattern_type, binding.principal, binding.host,
        binding.operation, binding.permission_type,
    )  # fmt: skip


def _identity(binding: AclBinding) -> tuple[str, ...]:
    enums = (binding.restype, binding.resource_pattern_type, binding.operation, binding.permission_type)
    return (binding.name, binding.principal, binding.host, *map(_word, enums))


def _word(member: object) -> str:
    """The name of an enum member; librdkafka's stubs allow plain values, too."""
    return str(getattr(member, "name", member))


def _settle(futures: Mapping[Any, Future[Any]], doing: str, *, accept: int | None = None) -> dict[Any, Any]:
    """Wait for all; raise our error for the first that failed."""
    results = {}
    for subject, future in futures.items():
        try:
            results[subject] = future.result(REQUEST_SECONDS_MAX)
        except KafkaException as error:
            if error.args[0].code() != accept:
                raise wrap(error, doing) from error
    return results
