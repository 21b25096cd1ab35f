"""Reads topology.yaml, the only map of who talks to whom.

Everything that needs the map (the local stack, rendering, the broker's ACLs, the security tests) reads it here,
so that they cannot disagree. Unknown keys are refused: a typo must fail at start, not open a door.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from staithe.kernel.errors import ConfigurationError

DEAD_LETTER_SUFFIX = ".dlq"
KEYRING_PURPOSE: Final = "record"
"""The one purpose whose keys are in files: records that name no document."""

_PRINCIPAL_NAME: Final = re.compile("[a-z][a-z0-9_]{0,31}")
"""No `*`, which Kafka reads as everybody; no hyphen, because the prefix `<name>-` must belong to one service only."""
_TOPIC_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
"""No `*`, which Kafka reads as every topic."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TopicRules(_Strict):
    """How a topic is kept."""

    schema_name: str = Field(alias="schema")
    partitions: int = Field(ge=1, le=64)
    retention_hours: int | None = Field(default=None, ge=1)
    compacted: bool = False
    dead_letters: bool = False

    @model_validator(mode="after")
    def _a_way_of_keeping(self) -> "TopicRules":
        if not self.compacted and self.retention_hours is None:
            raise ValueError("a topic is compacted, or has retention_hours, or both")
        return self


class DeadLetterRules(_Strict):
    """How every dead-letter topic is kept."""

    schema_name: str = Field(alias="schema")
    partitions: int = Field(ge=1, le=64)
    retention_hours: int = Field(ge=1)


class Listener(_Strict):
    """Ports a service serves, as offsets from the local stack's base port."""

    https: int | None = None
    keys: int | None = Field(default=None, description="HTTPS for services with client certificates.")
    log: int | None = Field(default=None, description="HTTPS for readers of the audit log, by client certificate.")


class KeyRights(_Strict):
    """What somebody may ask the key service for."""

    seals: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    shreds: bool = False
    terms: bool = Field(default=False, description="Keys of the blind index: the one secret that two services share.")

    @property
    def asks_keys(self) -> bool:
        """Whether it is a client of the key service; the operator's own keyring needs none."""
        return self.shreds or self.terms or bool({*self.seals, *self.opens} - {KEYRING_PURPOSE})


class Service(KeyRights):
    """One of the services: what it reads, writes, serves, seals and opens."""

    consumes: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    transactional: bool = True
    serves: Listener = Listener()
    readers: Mapping[str, tuple[Literal["log", "evidence"], ...]] = {}
    milvus: Literal["read", "write"] | None = None
    objects: bool = False

    def writes(self) -> tuple[str, ...]:
        """Topics it may write: its outputs, and the dead letters of its inputs."""
        return (*self.produces, *(topic + DEAD_LETTER_SUFFIX for topic in self.consumes))


class Principal(KeyRights):
    """A person or machine outside the services."""

    superuser: bool = False
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()


class Limits(_Strict):
    """Bounds that every part of the system shares."""

    record_bytes_max: int = Field(ge=1024, le=64 << 20)


class Topic(_Strict):
    """A topic as it must exist on the broker."""

    name: str
    schema_name: str
    partitions: int
    retention_hours: int | None
    compacted: bool

    @property
    def subject(self) -> str:
        """The registry's subject for values of this topic (TopicNameStrategy)."""
        return f"{self.name}-value"

    @property
    def cleanup_policy(self) -> str:
        """The broker's word for how old records go."""
        kept = {"compact": self.compacted, "delete": self.retention_hours is not None}
        return ",".join(each for each, applies in kept.items() if applies)


class Grant(_Strict):
    """One right of one principal; literal names only, never a wildcard."""

    principal: str
    resource: Literal["topic", "group", "transactional_id"]
    name: str
    prefixed: bool = False
    operation: Literal["READ", "WRITE", "DESCRIBE"]


class Topology(_Strict):
    """The whole map."""

    version: Literal[1]
    limits: Limits
    topics: Mapping[str, TopicRules]
    dead_letters: DeadLetterRules
    services: Mapping[str, Service]
    principals: Mapping[str, Principal]

    @model_validator(mode="after")
    def _every_name_is_plain(self) -> "Topology":
        for name in (*self.services, *self.principals):
            if not _PRINCIPAL_NAME.fullmatch(name):
                raise ValueError(f"{name} is no name for a service or principal: one word of a-z, 0-9 and _")
        for name in self.topics:
            if not _TOPIC_NAME.fullmatch(name) or name.endswith(DEAD_LETTER_SUFFIX):
                raise ValueError(f"{name} is no name for a topic: words of a-z, 0-9, _ and -, joined by dots, not .dlq")
        return self

    @model_validator(mode="after")
    def _every_name_exists(self) -> "Topology":
        named_by = {name: (*each.consumes, *each.produces, *each.follows) for name, each in self.services.items()}
        named_by |= {name: (*each.consumes, *each.produces) for name, each in self.principals.items()}
        for owner, named in named_by.items():
            for topic in named:
                if topic not in self.topics:
                    raise ValueError(f"{owner} names the topic {topic}, which is not in topics")
        for name, service in self.services.items():
            missing = [topic for topic in service.consumes if not self.topics[topic].dead_letters]
            if missing:
                raise ValueError(f"{name} consumes {missing[0]}, which has no dead letters")
        overlap = self.services.keys() & self.principals.keys()
        if overlap:
            raise ValueError(f"{min(overlap)} is both a service and a principal")
        return self

    @model_validator(mode="after")
    def _every_purpose_has_one_opener(self) -> "Topology":
        everybody = {**self.services, **self.principals}
        openers = [purpose for each in everybody.values() for purpose in each.opens]
        sealed = {purpose for each in everybody.values() for purpose in each.seals}
        for purpose in sorted({*openers, *sealed}):
            if openers.count(purpose) != 1:
                raise ValueError(f"the purpose {purpose} must be opened by exactly one service or principal")
        return self

    def all_topics(self) -> Iterator[Topic]:
        """Every topic that must exist, dead letters included, in the order of the file."""
        for name, rules in self.topics.items():
            yield Topic(
                name=name, schema_name=rules.schema_name, partitions=rules.partitions,
                retention_hours=rules.retention_hours, compacted=rules.compacted,
            )  # fmt: skip
            if rules.dead_letters:
                letters = self.dead_letters
                yield Topic(
                    name=name + DEAD_LETTER_SUFFIX, schema_name=letters.schema_name, partitions=letters.partitions,
                    retention_hours=letters.retention_hours, compacted=False,
                )  # fmt: skip

    def schema_of(self, topic: str) -> str:
        """The schema name of a topic; raises ConfigurationError when the topic is not on the map."""
        for each in self.all_topics():
            if each.name == topic:
                return each.schema_name
        raise ConfigurationError(f"topic {topic} is not in topology.yaml", reason_code="TOPIC_UNKNOWN")

    def grants(self) -> Iterator[Grant]:
        """Every right that must exist on the broker; whatever is not here must be denied."""
        for name, service in self.services.items():
            yield from _topic_grants(name, reads=(*service.consumes, *service.follows), writes=service.writes())
            if service.consumes or service.follows:
                yield Grant(principal=name, resource="group", name=name, operation="READ")
            if service.transactional:
                for operation in ("WRITE", "DESCRIBE"):
                    yield Grant(
                        principal=name, resource="transactional_id", name=f"{name}-", prefixed=True, operation=operation
                    )  # fmt: skip
        for name, principal in self.principals.items():
            yield from _topic_grants(name, reads=principal.consumes, writes=principal.produces)
            if principal.consumes:
                yield Grant(principal=name, resource="group", name=name, operation="READ")


def _topic_grants(principal: str, *, reads: tuple[str, ...], writes: tuple[str, ...]) -> Iterator[Grant]:
    for topic in dict.fromkeys((*reads, *writes)):
        yield Grant(principal=principal, resource="topic", name=topic, operation="DESCRIBE")
    for topic in dict.fromkeys(reads):
        yield Grant(principal=principal, resource="topic", name=topic, operation="READ")
    for topic in dict.fromkeys(writes):
        yield Grant(principal=principal, resource="topic", name=topic, operation="WRITE")


def load_topology(path: Path) -> Topology:
    """The checked map in `path`; raises ConfigurationError with the first fault in plain words."""
    try:
        return Topology.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", reason_code="TOPOLOGY_UNREADABLE") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        raise ConfigurationError(f"{path}: {place}: {first['msg']}", reason_code="TOPOLOGY_INVALID") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML", reason_code="TOPOLOGY_INVALID") from error
