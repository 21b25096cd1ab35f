"""The real broker and the real registry of the local stack: what answers, and above all what is refused."""

import contextlib
import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from staithe.stack import aot, broker, maven, registry
from staithe.stack.certificates import prepare_certificates
from staithe.stack.layout import CachePaths, StackPaths, prepare_stack
from staithe.stack.limits import JAVA_START_TIMEOUT_S
from staithe.stack.ports import HOST, StackPorts, find_free
from staithe.stack.processes import ProcessSpec, spawn, stop, wait_ready
from staithe.stack.secrets import ensure_kafka_passwords, kafka_password

pytestmark = pytest.mark.stack

KAFKA_PORTS = ("kafka_client", "kafka_internal", "kafka_controller")
ALL_PORTS = (*KAFKA_PORTS, "registry", "registry_management")
ANSWER_S = 15.0
SECOND_START_CPU_SECONDS_MAX = 15.0
"""Processor time, so that a busy machine is no failure; 4 to 7 s each were measured."""


@dataclass(frozen=True)
class Stack:
    paths: StackPaths
    ports: StackPorts
    specs: tuple[ProcessSpec, ...]
    pids: dict[str, int]


def start(specs: tuple[ProcessSpec, ...]) -> tuple[list[subprocess.Popen[bytes]], dict[str, float]]:
    processes = [spawn(spec) for spec in specs]
    try:
        seconds = {
            spec.name: wait_ready(process, spec, JAVA_START_TIMEOUT_S)
            for process, spec in zip(processes, specs, strict=True)
        }
    except BaseException:
        stop_all(processes, specs)
        raise
    return processes, seconds


def stop_all(processes: list[subprocess.Popen[bytes]], specs: tuple[ProcessSpec, ...]) -> None:
    for process, spec in zip(processes, specs, strict=True):
        stop(process, spec)


Prepared = tuple[StackPaths, StackPorts, tuple[ProcessSpec, ...]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    cache = CachePaths.of_user(dict(os.environ))
    kafka = broker.load_program(cache, maven.fetch, lambda _name, _done, _total: None)
    apicurio = registry.load_program(cache, maven.fetch, lambda _name, _done, _total: None)
    paths, ports = prepare_stack(tmp_path_factory.mktemp("stack") / ".staithe"), find_free(ALL_PORTS)
    prepare_certificates(paths)
    ensure_kafka_passwords(paths)
    broker.prepare(paths, ports, kafka)
    registry.prepare(paths)
    specs = (
        broker.describe(paths, ports, kafka, aot.flags_for(kafka, cache)),
        registry.describe(paths, ports, apicurio, aot.flags_for(apicurio, cache)),
    )
    return paths, ports, specs


@pytest.fixture(scope="module")
def stack(prepared: Prepared) -> Iterator[Stack]:
    """Started, stopped and started again: everything below is asked of the second start."""
    paths, ports, specs = prepared
    stop_all(start(specs)[0], specs)
    processes, seconds = start(specs)
    print("second start, seconds until ready:", {name: round(value, 1) for name, value in seconds.items()})
    try:
        used = [psutil.Process(process.pid).cpu_times() for process in processes]
        assert max(times.user + times.system for times in used) < SECOND_START_CPU_SECONDS_MAX
        yield Stack(paths, ports, specs, {spec.name: p.pid for p, spec in zip(processes, specs, strict=True)})
    finally:
        stop_all(processes, specs)


def client(stack: Stack, user: str, password: str, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": f"{HOST}:{stack.ports.of('kafka_client')}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
        "ssl.ca.location": str(stack.paths.services_authority),
        "log_level": 0,
        **more,
    }


@pytest.fixture(scope="module")
def operator(stack: Stack) -> AdminClient:
    return AdminClient(client(stack, "operator", kafka_password(stack.paths, "operator")))


@pytest.fixture(scope="module")
def topic(operator: AdminClient) -> str:
    operator.create_topics([NewTopic("example.happened.v1", 1, 1)])["example.happened.v1"].result(ANSWER_S)
    return "example.happened.v1"


def refusal_of(configuration: dict[str, Any]) -> set[int]:
    """Every error a client sees until it has answered or given up; the set is empty when it got in."""
    errors: set[int] = set()
    observed: dict[str, Any] = {**configuration, "error_cb": lambda error: errors.add(error.code())}
    admin = AdminClient(observed)
    try:
        admin.list_topics(timeout=4)
    except KafkaException as error:
        errors.add(error.args[0].code())
        admin.poll(0.5)
        return errors
    return set()


def test_operator_gets_in(operator: AdminClient, topic: str) -> None:
    assert topic in operator.list_topics(timeout=ANSWER_S).topics


def test_plaintext_client_is_refused(stack: Stack) -> None:
    bare = {"bootstrap.servers": f"{HOST}:{stack.ports.of('kafka_client')}", "log_level": 0}
    assert KafkaError._TRANSPORT in refusal_of(bare)


@pytest.mark.parametrize(("user", "password"), [("stranger", "guess"), ("operator", "guess"), ("broker", "guess")])
def test_unknown_user_and_wrong_password_are_refused(stack: Stack, user: str, password: str) -> None:
    assert KafkaError._AUTHENTICATION in refusal_of(client(stack, user, password))


def test_client_refuses_a_broker_of_another_authority(stack: Stack) -> None:
    configuration = client(stack, "operator", kafka_password(stack.paths, "operator"))
    configuration["ssl.ca.location"] = str(stack.paths.pki_broker / "ca.pem")
    assert KafkaError._SSL in refusal_of(configuration)


@pytest.fixture(scope="module")
def user_without_acl(stack: Stack, operator: AdminClient) -> dict[str, Any]:
    password = kafka_password(stack.paths, "source")
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    upsertion = UserScramCredentialUpsertion("source", info, password.encode())
    operator.alter_user_scram_credentials([upsertion])["source"].result(ANSWER_S)
    return client(stack, "source", password)


def test_user_without_acl_sees_no_topic_and_may_not_write(user_without_acl: dict[str, Any], topic: str) -> None:
    assert AdminClient(user_without_acl).list_topics(timeout=ANSWER_S).topics == {}
    answers: list[KafkaError | None] = []
    producer = Producer({**user_without_acl, "message.timeout.ms": 10_000})
    producer.produce(topic, b"x", on_delivery=lambda error, _message: answers.append(error))
    assert producer.flush(ANSWER_S) == 0
    assert answers
    assert answers[0] is not None
    assert answers[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_user_without_acl_may_not_administer(user_without_acl: dict[str, Any]) -> None:
    admin = AdminClient(user_without_acl)
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    attempts: list[Callable[[], Any]] = [
        lambda: admin.create_topics([NewTopic("mine", 1, 1)])["mine"].result(ANSWER_S),
        lambda: admin.alter_user_scram_credentials([UserScramCredentialUpsertion("operator", info, b"x")])[
            "operator"
        ].result(ANSWER_S),
    ]
    for attempt in attempts:
        with pytest.raises(KafkaException) as refusal:
            attempt()
        assert refusal.value.args[0].code() in {
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        }


def registry_request(stack: Stack, method: str, path: str, body: object = None) -> tuple[int, Any]:
    context = ssl.create_default_context(cafile=str(stack.paths.services_authority))
    connection = http.client.HTTPSConnection(HOST, stack.ports.of("registry"), timeout=ANSWER_S, context=context)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        connection.request(method, f"{registry.API_PATH}{path}", json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        body_read = response.read()
        return response.status, json.loads(body_read) if response.status == 200 else body_read


def test_registry_registers_a_schema_and_gives_it_back(stack: Stack) -> None:
    schema = json.dumps({"type": "record", "name": "Example", "fields": [{"name": "id", "type": "string"}]})
    status, answer = registry_request(stack, "POST", "/subjects/example-value/versions", {"schema": schema})
    assert status == 200
    status, again = registry_request(stack, "GET", f"/schemas/ids/{answer['id']}")
    assert (status, json.loads(again["schema"])) == (200, json.loads(schema))


def test_registry_refuses_a_body_over_its_limit(stack: Stack) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        status, _ = registry_request(stack, "POST", "/subjects/large-value/versions", {"schema": "x" * (2 << 20)})
        assert status == 413
    assert "large-value" not in registry_request(stack, "GET", "/subjects")[1]


@pytest.mark.parametrize("name", ["registry", "registry_management"])
def test_registry_does_not_answer_plain_http(stack: Stack, name: str) -> None:
    with contextlib.closing(http.client.HTTPConnection(HOST, stack.ports.of(name), timeout=ANSWER_S)) as connection:
        connection.request("GET", f"{registry.API_PATH}/subjects")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            connection.getresponse()


def test_no_password_is_in_any_log_setting_or_command_line(stack: Stack) -> None:
    passwords = [kafka_password(stack.paths, name).encode() for name in ("operator", "source")]
    files = [path for path in stack.paths.root.rglob("*") if path.is_file() and stack.paths.secrets not in path.parents]
    assert len(files) > 20
    for content in (path.read_bytes() for path in files):
        assert not [password for password in passwords if password in content]
    for pid in stack.pids.values():
        assert not [password for password in passwords if password in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_every_file_of_the_stack_is_readable_by_its_owner_only(stack: Stack) -> None:
    # Vert.x sets the mode of an empty scratch folder itself; its parent is private like every other folder.
    exposed = [path.name for path in stack.paths.root.rglob("*") if path.lstat().st_mode & 0o077]
    assert [name for name in exposed if name != "vertx-cache"] == []
