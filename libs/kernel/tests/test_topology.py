"""topology.yaml: unknown keys, unknown names and wildcards are refused; the real file grants exactly this."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kernel_samples import SCHEMAS, TOPOLOGY, reason

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import EVENT_CLASSES
from staithe.kernel.topology import Topology, load_topology

REAL = load_topology(TOPOLOGY)


def small() -> dict[str, Any]:
    return {
        "version": 1,
        "limits": {"record_bytes_max": 4096},
        "topics": {"a.v1": {"schema": "a", "partitions": 1, "retention_hours": 1, "dead_letters": True}},
        "dead_letters": {"schema": "d", "partitions": 1, "retention_hours": 1},
        "services": {"one": {"consumes": ["a.v1"]}},
        "principals": {"source": {"produces": ["a.v1"]}},
    }


def put(path: str, value: Any) -> dict[str, Any]:
    made = small()
    *parents, last = path.split("/")
    place: Any = made
    for each in parents:
        place = place[each]
    place[last] = value
    return made


def refused(tmp_path: Path, given: Any) -> str:
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(ConfigurationError) as refusal:
        load_topology(path)
    assert reason(refusal) == "TOPOLOGY_INVALID"
    return str(refusal.value)


def test_small_map_is_accepted() -> None:
    assert Topology.model_validate(small())


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("extra", 1, "extra"),
        ("version", 2, "version"),
        ("limits/extra", 1, "extra"),
        ("limits/record_bytes_max", 0, "record_bytes_max"),
        ("topics/a.v1/extra", 1, "extra"),
        ("topics/a.v1/partitions", 0, "partitions"),
        ("topics/a.v1/retention_hours", 0, "retention_hours"),
        ("topics/a.v1/retention_hours", None, "compacted"),
        ("topics/a.v1/dead_letters", False, "dead letters"),
        ("dead_letters/compacted", True, "compacted"),
        ("services/one/consume", ["a.v1"], "consume"),
        ("services/one/consumes", ["b.v1"], "b.v1"),
        ("services/one/produces", ["b.v1"], "b.v1"),
        ("services/one/follows", ["b.v1"], "b.v1"),
        ("services/one/milvus", "admin", "milvus"),
        ("services/one/serves", {"http": 1}, "http"),
        ("services/one/superuser", True, "superuser"),
        ("principals/source/consumes", ["b.v1"], "b.v1"),
        ("principals/source/produces", ["b.v1"], "b.v1"),
        ("principals/source/seals", ["x"], "exactly one"),
        ("principals/one", {}, "one"),
        ("principals/*", {}, "name"),
        ("principals/User:x", {}, "name"),
        ("services/*", {}, "name"),
        ("services/one-two", {}, "name"),
        ("services/One", {}, "name"),
        ("topics/*", {"schema": "a", "partitions": 1, "retention_hours": 1}, "name"),
        ("topics/a.*", {"schema": "a", "partitions": 1, "retention_hours": 1}, "name"),
        ("topics/a.v1.dlq", {"schema": "a", "partitions": 1, "retention_hours": 1}, "name"),
    ],
)
def test_fault_in_the_map_is_named(tmp_path: Path, path: str, value: Any, names: str) -> None:
    assert names in refused(tmp_path, put(path, value))


@pytest.mark.parametrize("given", [None, [], "text", 5, {}])
def test_file_that_is_no_map_is_refused(tmp_path: Path, given: Any) -> None:
    refused(tmp_path, given)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"!!python/object:os.system x"])
def test_file_that_is_no_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_topology(tmp_path / "t")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_topology(tmp_path / "t")
    assert reason(refusal) == "TOPOLOGY_UNREADABLE"


def test_every_topic_has_a_schema_of_ours() -> None:
    for topic in REAL.all_topics():
        assert topic.schema_name in EVENT_CLASSES
        assert (SCHEMAS / f"{topic.schema_name}.avsc").is_file()
        assert REAL.schema_of(topic.name) == topic.schema_name
        assert topic.subject == f"{topic.name}-value"


def test_unknown_topic_has_no_schema() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        REAL.schema_of("documents.stolen.v1")
    assert reason(refusal) == "TOPIC_UNKNOWN"


READS = {
    "ingestion": "documents.submitted.v1 documents.current.v1 documents.held.v1 documents.reviewed.v1 "
    "documents.refused.v1",
    "sanitization": "documents.ingested.v1 documents.reviewed.v1 documents.held.v1 documents.quarantined.v1",
    "embedding": "documents.sanitized.v1",
    "indexing": "chunks.embedded.v1 documents.current.v1",
    "audit": "audit.events.v1",
    "query": "documents.current.v1",
}
WRITES = {
    "ingestion": "documents.ingested.v1 documents.submitted.v1 documents.reviewed.v1 documents.refused.v1 "
    "audit.events.v1 documents.submitted.v1.dlq",
    "sanitization": "documents.sanitized.v1 documents.quarantined.v1 documents.held.v1 documents.refused.v1 "
    "audit.events.v1 documents.ingested.v1.dlq documents.reviewed.v1.dlq sanitizations.recorded.v1",
    "embedding": "chunks.embedded.v1 documents.refused.v1 audit.events.v1 documents.sanitized.v1.dlq",
    "indexing": "documents.indexed.v1 documents.current.v1 documents.refused.v1 audit.events.v1 chunks.embedded.v1.dlq",
    "audit": "audit.events.v1.dlq",
    "query": "documents.submitted.v1 audit.events.v1",
    "keys": "audit.events.v1",
    "source": "documents.submitted.v1",
}


def test_grants_of_the_real_map_are_exactly_these() -> None:
    expected = {(who, "topic", name, False, "READ") for who, names in READS.items() for name in names.split()}
    expected |= {(who, "topic", name, False, "WRITE") for who, names in WRITES.items() for name in names.split()}
    expected |= {(who, kind, name, False, "DESCRIBE") for who, kind, name, _, _ in expected}
    expected |= {(who, "group", who, False, "READ") for who in READS}
    for who in ("ingestion", "sanitization", "embedding", "indexing"):
        expected |= {(who, "transactional_id", f"{who}-", True, each) for each in ("WRITE", "DESCRIBE")}
    granted = [(each.principal, each.resource, each.name, each.prefixed, each.operation) for each in REAL.grants()]
    assert set(granted) == expected
    assert len(granted) == len(expected)


def test_no_grant_is_a_wildcard_and_only_transactional_ids_are_prefixes() -> None:
    for grant in REAL.grants():
        assert "*" not in grant.principal + grant.name
        assert grant.name
        assert grant.prefixed is (grant.resource == "transactional_id")


def test_consuming_principal_gets_its_own_group_only() -> None:
    given = put("principals/source", {"consumes": ["a.v1"]})
    groups = [each.name for each in Topology.model_validate(given).grants() if each.resource == "group"]
    assert groups == ["one", "source"]
