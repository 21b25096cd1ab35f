"""The registry's answers and librdkafka's errors, turned into ours: what is invalid, what is down, what is denied."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError
from kernel_samples import EXAMPLES, SCHEMAS, TOPOLOGY, reason

from staithe.kernel.codec import load_event_schemas
from staithe.kernel.errors import AccessDenied, ConfigurationError, Integrity, InvalidEvent, StaitheError, Unavailable
from staithe.kernel.stream.client import DenialWatch, KafkaAccess, wrap
from staithe.kernel.stream.registry import WRITER_SCHEMAS_MAX, EventCodec, Registry
from staithe.kernel.topology import load_topology

PINNED = load_event_schemas(SCHEMAS)
SUBMITTED = PINNED["documents/submitted.v1"]
DOWN = [SchemaRegistryError(500, 50001, "x"), httpx2.ConnectError("x"), OSError("x")]


class FakeClient:
    """Confluent's client: answers or raises as told."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0
        self.compatibility: list[str] = []

    def _give(self, *_: Any) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    get_schema = lookup_schema = register_schema = _give

    def set_compatibility(self, *, subject_name: str, level: str) -> None:
        self.compatibility.append(f"{subject_name} {level}")

    def close(self) -> None:
        self.answer = OSError("closed")


def registry(answer: Any) -> tuple[Registry, FakeClient]:
    made = Registry.__new__(Registry)
    made._client, made._writers = (client := FakeClient(answer)), {}  # type: ignore[assignment]
    return made, client


def test_writer_schema_is_asked_for_once() -> None:
    asked, client = registry(SimpleNamespace(schema_str=SUBMITTED.text))
    assert asked.writer_schema(1) == asked.writer_schema(1)
    assert client.asked == 1


def test_unknown_schema_id_is_invalid() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        registry(SchemaRegistryError(404, 40403, "x"))[0].writer_schema(1)
    assert reason(refusal) == "SCHEMA_UNKNOWN"


def test_banned_writer_schema_is_refused_and_not_kept() -> None:
    asked, client = registry(SimpleNamespace(schema_str='{"type":"record","name":"R","fields":[]}'))
    for _ in range(2):
        with pytest.raises(InvalidEvent):
            asked.writer_schema(1)
    assert client.asked == 2


def test_guessing_ids_ends() -> None:
    asked, client = registry(SimpleNamespace(schema_str=SUBMITTED.text))
    asked._writers = {number: {} for number in range(WRITER_SCHEMAS_MAX)}
    with pytest.raises(InvalidEvent) as refusal:
        asked.writer_schema(WRITER_SCHEMAS_MAX)
    assert (reason(refusal), client.asked) == ("SCHEMA_FLOOD", 0)


@pytest.mark.parametrize("failure", DOWN)
def test_registry_that_is_down_is_unavailable(failure: Exception) -> None:
    with pytest.raises(Unavailable):
        registry(failure)[0].writer_schema(1)
    with pytest.raises(Unavailable):
        registry(failure)[0].schema_id("s", SUBMITTED)


def test_unregistered_schema_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="topology apply") as refusal:
        registry(SchemaRegistryError(404, 40401, "x"))[0].schema_id("s", SUBMITTED)
    assert reason(refusal) == "SCHEMA_UNREGISTERED"


def test_registered_schema_has_its_id_and_nothing_else_will_do() -> None:
    assert registry(SimpleNamespace(schema_id=7))[0].schema_id("s", SUBMITTED) == 7
    with pytest.raises(Unavailable):
        registry(SimpleNamespace(schema_id=None))[0].schema_id("s", SUBMITTED)


def test_registering_makes_the_subject_backward_transitive() -> None:
    made, client = registry(7)
    assert made.register("s", SUBMITTED) == 7
    assert client.compatibility == ["s BACKWARD_TRANSITIVE"]


def test_incompatible_schema_is_refused_and_named() -> None:
    with pytest.raises(ConfigurationError, match=r"documents/submitted\.v1") as refusal:
        registry(SchemaRegistryError(409, 409, "x"))[0].register("s", SUBMITTED)
    assert reason(refusal) == "SCHEMA_REFUSED"
    with pytest.raises(Unavailable):
        registry(OSError("x"))[0].register("s", SUBMITTED)


def test_codec_asks_for_each_id_once_and_closes_what_it_holds() -> None:
    made, client = registry(SimpleNamespace(schema_id=7, schema_str=SUBMITTED.text))
    codec = EventCodec(load_topology(TOPOLOGY), PINNED, made)
    event = EXAMPLES["documents/submitted.v1"]
    first = codec.encode("documents.submitted.v1", event)
    assert codec.encode("documents.submitted.v1", event) == first
    assert (first[:5], client.asked) == (b"\0\0\0\0\7", 1)
    assert codec.decode("documents.submitted.v1", first) == event
    codec.close()
    with pytest.raises(Unavailable):
        codec.decode("documents.submitted.v1", b"\0\0\0\0\10" + first[5:])


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_event_has_a_key_of_bytes(name: str) -> None:
    assert EXAMPLES[name].key


DENIED = [
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        *((KafkaError(code), AccessDenied) for code in DENIED),
        (KafkaError(KafkaError._ALL_BROKERS_DOWN), Unavailable),
        (KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION), Unavailable),
        (KafkaError(KafkaError._FENCED, "x", True), Integrity),
    ],
)
def test_kafkas_error_gets_its_fate(error: KafkaError, fate: type[StaitheError]) -> None:
    assert type(wrap(error, "reading")) is fate
    assert type(wrap(KafkaException(error), "reading")) is fate
    assert "reading" in str(wrap(error, "reading"))


def test_refused_identity_is_remembered_and_an_outage_is_not() -> None:
    watch = DenialWatch()
    watch(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    watch.check()
    watch(KafkaError(KafkaError._AUTHENTICATION))
    watch(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    with pytest.raises(AccessDenied):
        watch.check()


def test_connection_is_always_scram_over_tls_with_names_checked(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o600)
    settings: Any = SimpleNamespace(
        kafka_bootstrap="b:1", kafka_password_file=tmp_path / "password", ca_file=tmp_path / "ca"
    )
    config = KafkaAccess.of("query", settings).config(group_id="query", fetch_wait_max_ms=5)
    assert (config["security.protocol"], config["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (config["sasl.username"], config["sasl.password"]) == ("query", "hunter2")
    assert config["ssl.endpoint.identification.algorithm"] == "https"
    assert (config["group.id"], config["fetch.wait.max.ms"]) == ("query", 5)
