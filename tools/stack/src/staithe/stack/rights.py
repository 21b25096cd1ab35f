"""What each principal may do on a broker, by the broker's own word, beside what topology.yaml says.

Each principal asks with its own password which operations it is authorized for (KIP-430), which changes nothing; the
operator reads the rules. Both are compared with the map, in both directions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from staithe.kernel.errors import Unavailable
from staithe.kernel.stream.admin import Operator
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.topology import Topology

ANSWER_SECONDS_MAX: Final = 20.0
CLUSTER: Final = "kafka-cluster"
NAMED: Final = "transactional_id"
_REFUSALS: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Not permitted, or not there: no right either way."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation of one principal on one thing."""

    principal: str
    resource: str
    name: str
    operation: str

    def __str__(self) -> str:
        return f"{self.principal} {self.operation} {self.resource} {self.name}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a principal, or the list of rules, has beside what the map gives."""

    held: frozenset[Right]
    given: frozenset[Right]

    @property
    def missing(self) -> list[Right]:
        """On the map and not on the broker."""
        return sorted(self.given - self.held)

    @property
    def surplus(self) -> list[Right]:
        """On the broker and not on the map."""
        return sorted(self.held - self.given)


def compare_principal(topology: Topology, access: KafkaAccess) -> Comparison:
    """What the broker lets `access.principal` do, asked as that principal; raises Unavailable."""
    topics = [topic.name for topic in topology.all_topics()]
    groups = list(topology.services)
    held = frozenset(_held(AdminClient(access.config()), access.principal, topics, groups))
    # Of transactional ids the broker does not say who may use them: `compare_rules` covers those.
    own = [each for each in _granted(topology) if each.principal == access.principal and each.resource != NAMED]
    return Comparison(held, frozenset(each for right in own for each in _whole(right)))


def compare_rules(topology: Topology, operator: Operator) -> Comparison:
    """The broker's list of rules beside the map; raises Unavailable or AccessDenied."""
    held = frozenset(
        Right(
            each.principal.removeprefix("User:"), _word(each.restype).lower(), _pattern(each), _word(each.operation)
        )
        for each in operator.grants()
    )  # fmt: skip
    return Comparison(held, frozenset(_granted(topology)))


def _granted(topology: Topology) -> Iterator[Right]:
    for each in topology.grants():
        yield Right(each.principal, each.resource, each.name + ("*" if each.prefixed else ""), each.operation)


def _pattern(binding: Any) -> str:
    """The name, with what makes a rule wider than the map ever does."""
    prefix = "*" if _word(binding.resource_pattern_type) == "PREFIXED" else ""
    host = "" if binding.host == "*" else f" from {binding.host}"
    kind = "" if _word(binding.permission_type) == "ALLOW" else f" ({_word(binding.permission_type)})"
    return f"{binding.name}{prefix}{host}{kind}"


def _whole(right: Right) -> Iterable[Right]:
    """The right and what Kafka implies by it: whoever may read or write may describe."""
    return (right, Right(right.principal, right.resource, right.name, "DESCRIBE"))


def _held(admin: AdminClient, principal: str, topics: Sequence[str], groups: Sequence[str]) -> Iterator[Right]:
    options = {"include_authorized_operations": True, "request_timeout": ANSWER_SECONDS_MAX}
    asked: Mapping[str, Mapping[str, Future[Any]]] = {
        "topic": admin.describe_topics(TopicCollection(list(topics)), **options),
        "group": admin.describe_consumer_groups(list(groups), **options),
        "cluster": {CLUSTER: admin.describe_cluster(**options)},
    }
    for resource, futures in asked.items():
        for name, future in futures.items():
            for operation in _operations(future):
                yield Right(principal, resource, name, operation)


def _operations(future: "Future[Any]") -> list[str]:
    try:
        described = future.result(ANSWER_SECONDS_MAX)
    except KafkaException as error:
        if error.args[0].code() in _REFUSALS:
            return []
        raise Unavailable("the broker does not say what is permitted", reason_code="BROKER_UNAVAILABLE") from error
    return [_word(each) for each in described.authorized_operations or ()]


def _word(member: object) -> str:
    return str(getattr(member, "name", member))
