"""Every principal tries everything on the real broker: what topology.yaml grants works, and nothing else does.

Seven clients of the map and an `intruder` with a valid password and no right at all. Each attempt is a real request
with the principal's own password; the broker's answer is compared with the map, in both directions.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from support.checker import within
from support.live import REPOSITORY, LiveStack

from staithe.kernel.files import write_secret
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.topology import Grant, load_topology
from staithe.stack.identities import OPERATOR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

INTRUDER: Final = "intruder"
ANSWER_SECONDS: Final = 20.0
THREADS: Final = 8
LARGE: Final = b"\0" * (9 << 20)
"""More than any topic takes."""
TOPOLOGY: Final = load_topology(REPOSITORY / "topology.yaml")
TOPICS: Final = tuple(topic.name for topic in TOPOLOGY.all_topics())
CLIENTS: Final = (*TOPOLOGY.services, *(n for n, p in TOPOLOGY.principals.items() if not p.superuser), INTRUDER)
DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Broker:
    """The real broker, and each principal's access to it."""

    live: LiveStack
    intruder_password: Path

    def access(self, principal: str) -> KafkaAccess:
        access = self.live.local().access(principal if principal != INTRUDER else OPERATOR)
        if principal != INTRUDER:
            return access
        return KafkaAccess(access.bootstrap, INTRUDER, self.intruder_password, access.ca_file)

    def admin(self, principal: str) -> AdminClient:
        return AdminClient(self.access(principal).config())


@pytest.fixture(scope="module")
def broker(live: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Broker:
    password = tmp_path_factory.mktemp("intruder") / "password"
    write_secret(password, b"a password that the broker knows")
    broker = Broker(live, password)
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    known: list[Any] = [UserScramCredentialUpsertion(INTRUDER, info, password.read_bytes())]
    admin = broker.admin(OPERATOR)  # kept: a client that is collected takes its requests with it
    admin.alter_user_scram_credentials(known)[INTRUDER].result(ANSWER_SECONDS)
    return broker


def everywhere(attempt: Callable[[str, str], bool], names: tuple[str, ...]) -> set[tuple[str, str]]:
    """The (principal, name) pairs for which `attempt` was allowed."""
    pairs = list(product(CLIENTS, names))
    with ThreadPoolExecutor(THREADS) as pool:
        return {pair for pair, allowed in zip(pairs, pool.map(lambda p: attempt(*p), pairs), strict=True) if allowed}


def granted(resource: str, operation: str) -> set[tuple[str, str]]:
    return {(g.principal, g.name) for g in TOPOLOGY.grants() if (g.resource, g.operation) == (resource, operation)}


def allowed_by(error: KafkaError | None) -> bool:
    """True without an error, False when denied; anything else is no answer and fails the test."""
    if error is None:
        return True
    assert error.code() in DENIED, error.name()
    return False


def test_map_is_worth_testing() -> None:
    assert len(TOPICS) > 10
    assert len(CLIENTS) == 9
    assert any(name.endswith(".dlq") for name in TOPICS)
    for operation in ("READ", "WRITE"):
        assert 0 < len(granted("topic", operation)) < len(CLIENTS) * len(TOPICS) / 3


def test_topics_are_read_by_whom_the_map_says(broker: Broker) -> None:
    def read(principal: str, topic: str) -> bool:
        """Fetch from partition 0 without joining a group: a record, the partition's end, or a refusal of the topic."""
        consumer = Consumer(
            broker.access(principal).config(
                group_id="never-joined", enable_auto_commit=False, enable_partition_eof=True
            )
        )  # fmt: skip
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            # READ implies DESCRIBE, so a topic whose existence is denied cannot be read.
            described = consumer.list_topics(topic, ANSWER_SECONDS).topics[topic].error
            if described is not None:
                return allowed_by(described)
            consumer.assign([TopicPartition(topic, 0, 0)])
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                error = None if message is None else message.error()
                if message is not None and (error is None or error.code() == KafkaError._PARTITION_EOF):
                    return True
                if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    return False
        finally:
            consumer.close()
        raise AssertionError(f"no answer for {principal} on {topic}")

    assert everywhere(read, TOPICS) == granted("topic", "READ")


def test_topics_are_written_by_whom_the_map_says(broker: Broker) -> None:
    with writers(broker) as producers:

        def write(principal: str, topic: str) -> bool:
            """Ask for a write without leaving a record: in a batch the broker checks rights before anything else.

            The record is larger than the topic allows, so where writing is allowed it is refused for its size.
            """
            reports: list[KafkaError | None] = []
            try:
                producers[principal].produce(topic, LARGE, on_delivery=lambda error, _: reports.append(error))
            except KafkaException as error:
                return allowed_by(error.args[0])
            producers[principal].flush(ANSWER_SECONDS)
            assert reports, (principal, topic)
            assert reports[0] is not None, f"{topic} took a record that is too large"
            return reports[0].code() == KafkaError.MSG_SIZE_TOO_LARGE or allowed_by(reports[0])

        allowed = {pair for pair in product(CLIENTS, TOPICS) if write(*pair)}
    assert allowed == granted("topic", "WRITE")


@contextmanager
def writers(broker: Broker) -> Iterator[dict[str, Producer]]:
    """One producer for each principal, without compression so that the size is what it is."""
    yield {
        principal: Producer(
            broker.access(principal).config(
                message_max_bytes=16 << 20, acks="all", compression_type="none", linger_ms=0,
                message_timeout_ms=int(ANSWER_SECONDS * 1000), allow_auto_create_topics=False,
            )
        )
        for principal in CLIENTS
    }  # fmt: skip


def test_metadata_shows_only_the_topics_that_the_map_gives(broker: Broker) -> None:
    def visible(principal: str) -> set[tuple[str, str]]:
        return {(principal, name) for name in broker.admin(principal).list_topics(timeout=ANSWER_SECONDS).topics}

    with ThreadPoolExecutor(THREADS) as pool:
        shown = set().union(*pool.map(visible, CLIENTS))
    assert shown == granted("topic", "DESCRIBE")


def test_groups_are_joined_by_whom_the_map_says(broker: Broker) -> None:
    groups = (*TOPOLOGY.services, "some-other-group")

    def committed(principal: str, group: str) -> bool:
        """Ask for a group's offsets, which needs DESCRIBE of the group; READ implies it."""
        admin = broker.admin(principal)
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        try:
            asked[group].result(ANSWER_SECONDS)
        except KafkaException as error:
            return allowed_by(error.args[0])
        return True

    assert everywhere(committed, groups) == granted("group", "READ")


def test_groups_cannot_be_joined_without_the_right(broker: Broker) -> None:
    """Joining is what would take partitions away from a service; every foreign group must refuse it."""
    foreign = [(principal, group) for principal, group in product(CLIENTS, TOPOLOGY.services) if principal != group]

    def joined(pair: tuple[str, str]) -> bool:
        principal, group = pair
        seen: list[int] = []
        consumer = Consumer(broker.access(principal).config(group_id=group, enable_auto_commit=False))
        assigned: list[Any] = []
        try:
            consumer.subscribe(list(TOPICS), on_assign=lambda _, partitions: assigned.extend(partitions))
            deadline = time.monotonic() + ANSWER_SECONDS
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is not None and message.error() is not None:
                    seen.append(message.error().code())  # type: ignore[union-attr]
                if assigned or KafkaError.GROUP_AUTHORIZATION_FAILED in seen:
                    break
            return bool(assigned) or KafkaError.GROUP_AUTHORIZATION_FAILED not in seen
        finally:
            consumer.close()

    with ThreadPoolExecutor(THREADS) as pool:
        assert [pair for pair, allowed in zip(foreign, pool.map(joined, foreign), strict=True) if allowed] == []


def test_transactional_ids_are_used_by_whom_the_map_says(broker: Broker) -> None:
    """Slot 7 of each service, which nobody runs: to begin with a living one would fence it."""
    slots = {f"{name}-7": name for name in TOPOLOGY.services} | {"other-0": "other", "7": ""}

    def begin(principal: str, slot: str) -> bool:
        producer = Producer(broker.access(principal).config(transactional_id=slot, transaction_timeout_ms=10_000))
        try:
            producer.init_transactions(ANSWER_SECONDS)
        except KafkaException as error:
            return allowed_by(error.args[0])
        return True

    prefixes = granted("transactional_id", "WRITE")
    wanted = {(who, slot) for who, slot in product(CLIENTS, slots) if any(
        who == owner and slot.startswith(prefix) for owner, prefix in prefixes)}  # fmt: skip
    assert everywhere(begin, tuple(slots)) == wanted
    assert all(slots[slot] == who for who, slot in wanted)


def shorter_retention() -> ConfigResource:
    entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(ConfigResource.Type.TOPIC, TOPICS[0], incremental_configs=[entry])


def administration() -> dict[str, Callable[[AdminClient], Any]]:
    topic, resource = TOPICS[0], shorter_retention()
    binding = AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{INTRUDER}", "*", AclOperation.ALL,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    anything: Any = None
    every = AclBindingFilter(
        ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything, AclOperation.ANY, AclPermissionType.ANY
    )
    upsertion = UserScramCredentialUpsertion(
        OPERATOR, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192), b"mine now"
    )
    many: Any = [upsertion]
    return {
        "create topic": lambda admin: admin.create_topics([NewTopic("made-by-nobody", 1, 1)])["made-by-nobody"],
        "delete topic": lambda admin: admin.delete_topics([topic])[topic],
        "alter configs": lambda admin: admin.incremental_alter_configs([resource])[resource],
        "describe broker configs": lambda admin: next(
            iter(admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]).values())
        ),
        "describe access rules": lambda admin: admin.describe_acls(every),
        "create access rule": lambda admin: admin.create_acls([binding])[binding],
        "delete access rules": lambda admin: admin.delete_acls([every])[every],
        "set a password": lambda admin: admin.alter_user_scram_credentials(many)[OPERATOR],
    }


def test_nobody_administers(broker: Broker) -> None:
    def attempt(principal: str) -> set[tuple[str, str]]:
        admin, allowed = broker.admin(principal), set()
        for name, act in administration().items():
            try:
                answer = act(admin).result(ANSWER_SECONDS)
            except KafkaException as error:
                if allowed_by(error.args[0]):
                    allowed.add((principal, name))
            else:
                # librdkafka hands on a refused description as an empty list; the operator's is not empty (see below).
                if (name, answer) != ("describe access rules", []):
                    allowed.add((principal, name))
        return allowed

    with ThreadPoolExecutor(THREADS) as pool:
        assert set().union(*pool.map(attempt, CLIENTS)) == set()


def test_rules_on_the_broker_are_the_map_and_no_more(broker: Broker) -> None:
    anything: Any = None
    every = AclBindingFilter(
        ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything, AclOperation.ANY, AclPermissionType.ANY
    )
    admin = broker.admin(OPERATOR)
    found = admin.describe_acls(every).result(ANSWER_SECONDS)
    assert sorted(map(_of_binding, found)) == sorted(map(_of_grant, TOPOLOGY.grants()))


def _of_binding(each: AclBinding) -> tuple[str, ...]:
    enums = (each.restype, each.resource_pattern_type, each.operation, each.permission_type)
    return (each.principal, each.host, each.name, *(str(getattr(member, "name", member)) for member in enums))


def _of_grant(each: Grant) -> tuple[str, ...]:
    pattern = "PREFIXED" if each.prefixed else "LITERAL"
    return (f"User:{each.principal}", "*", each.name, each.resource.upper(), pattern, each.operation, "ALLOW")


def check(broker: Broker) -> tuple[int, dict[str, Any]]:
    """The exit code and the words of `staithe acl check`."""
    answer = broker.live.cli("acl", "check", "--json")
    return answer.returncode, json.loads(answer.stdout)


def rule(principal: str, topic: str, operation: AclOperation) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{principal}", "*", operation,
        AclPermissionType.ALLOW,
    )  # fmt: skip


def exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype, binding.name, binding.resource_pattern_type, binding.principal, binding.host,
        binding.operation, binding.permission_type,
    )  # fmt: skip


def settled(futures: Any) -> None:
    for future in futures.values():
        future.result(ANSWER_SECONDS)


def test_command_finds_the_rights_equal_to_the_map(broker: Broker) -> None:
    code, found = check(broker)
    assert (code, found["surprises"]) == (0, 0), found
    assert set(found["principals"]) >= set(CLIENTS) - {INTRUDER}
    assert all(each["held"] == each["given"] for each in found["principals"].values())


def test_command_names_a_right_too_many(broker: Broker) -> None:
    planted, admin = rule("source", "documents.ingested.v1", AclOperation.READ), broker.admin(OPERATOR)
    settled(admin.create_acls([planted]))
    try:
        assert within(ANSWER_SECONDS, lambda: check(broker)[1]["principals"]["source"]["surplus"] != [])
        code, found = check(broker)
        assert code == 1
        assert "source READ topic documents.ingested.v1" in found["principals"]["source"]["surplus"]
        assert "source READ topic documents.ingested.v1" in found["principals"]["(rules on the broker)"]["surplus"]
    finally:
        settled(admin.delete_acls([exactly(planted)]))
    assert within(ANSWER_SECONDS, lambda: check(broker)[0] == 0)


def test_command_names_a_right_that_is_missing_and_apply_mends_it(broker: Broker) -> None:
    taken, admin = rule("source", "documents.submitted.v1", AclOperation.WRITE), broker.admin(OPERATOR)
    settled(admin.delete_acls([exactly(taken)]))
    try:
        assert within(ANSWER_SECONDS, lambda: check(broker)[1]["principals"]["source"]["missing"] != [])
        assert "source WRITE topic documents.submitted.v1" in check(broker)[1]["principals"]["source"]["missing"]
    finally:
        assert broker.live.cli("topology", "apply").returncode == 0
    assert within(ANSWER_SECONDS, lambda: check(broker)[0] == 0)
