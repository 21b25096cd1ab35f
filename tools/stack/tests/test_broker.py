"""Kafka's settings and credentials as text: every security-relevant line is there."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import write_secret
from staithe.stack import aot, broker, registry
from staithe.stack.broker_config import server_properties
from staithe.stack.certificates import prepare_certificates
from staithe.stack.java import JavaProgram, java_environment, java_executable
from staithe.stack.layout import CachePaths, StackPaths, prepare_stack
from staithe.stack.ports import StackPorts


@pytest.fixture
def settings() -> dict[str, str]:
    here = Path("/stack")
    text = server_properties(StackPorts(40_000), here / "data", here / "client", here / "peer", here / "ca")
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def program() -> JavaProgram:
    return JavaProgram("broker", java_executable(), 384, ("-cp", "a.jar"), "0" * 64)


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    paths = prepare_stack(tmp_path / "stack")
    prepare_certificates(paths)
    return paths


def test_every_listener_is_on_loopback_and_encrypted(settings: dict[str, str]) -> None:
    listeners = settings["listeners"].split(",")
    assert [re.sub(r"\d+$", "", listener) for listener in listeners] == [
        "CLIENT://127.0.0.1:",
        "INTERNAL://127.0.0.1:",
        "CONTROLLER://127.0.0.1:",
    ]
    assert settings["listener.security.protocol.map"] == "CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL"
    assert "PLAINTEXT" not in "".join(settings.values())
    assert settings["ssl.enabled.protocols"] == "TLSv1.3"


def test_internal_listeners_require_a_certificate_of_the_broker_authority(settings: dict[str, str]) -> None:
    assert settings["ssl.client.auth"] == "required"
    assert settings["ssl.truststore.location"] == "/stack/ca"
    assert settings["listener.name.client.ssl.client.auth"] == "none"
    assert settings["ssl.keystore.location"] != settings["listener.name.client.ssl.keystore.location"]


def test_nobody_may_do_anything_without_a_rule(settings: dict[str, str]) -> None:
    assert settings["authorizer.class.name"].endswith("StandardAuthorizer")
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["super.users"] == "User:operator;User:broker"
    assert settings["auto.create.topics.enable"] == "false"


def test_settings_hold_no_secret(settings: dict[str, str]) -> None:
    assert not [key for key in settings if "password" in key or key.endswith(".key")]
    assert "password" not in settings["listener.name.client.scram-sha-512.sasl.jaas.config"]


def test_credential_is_the_salted_password_and_not_the_password() -> None:
    credential = broker.scram_credential("operator", "a password")
    match = re.fullmatch(
        r'SCRAM-SHA-512=\[name=operator,salt="([^"]+)",saltedpassword="([^"]+)",iterations=(\d+)\]', credential
    )
    assert match
    salt, salted = base64.b64decode(match[1]), base64.b64decode(match[2])
    assert salted == hashlib.pbkdf2_hmac("sha512", b"a password", salt, int(match[3]))
    assert int(match[3]) >= 4096
    assert broker.scram_credential("operator", "a password") != credential


@pytest.mark.parametrize(
    ("argument", "written"), [("a b", '"a b"'), ('say "x"', '"say \\"x\\""'), ("back\\slash", '"back\\\\slash"')]
)
def test_arguments_are_quoted_for_java(argument: str, written: str) -> None:
    assert broker.quote_argument(argument) == written


def test_java_programs_inherit_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-javaagent:evil.jar")
    assert set(java_environment(tmp_path)) == {"HOME", "LANG", "LC_ALL", "PATH"}


def test_command_lines_hold_no_secret_and_only_named_jars(paths: StackPaths, program: JavaProgram) -> None:
    argv = broker.describe(paths, StackPorts(40_000), program).argv
    assert not [argument for argument in argv if "*" in argument or "password" in argument]
    assert argv[-2:] == ("kafka.Kafka", str(paths.kafka / "server.properties"))


def test_format_that_fails_says_what_to_do_and_leaves_no_argument_file(paths: StackPaths) -> None:
    (paths.root / "secrets" / "operator").mkdir(mode=0o700)
    write_secret(paths.root / "secrets" / "operator" / "kafka_password", b"unused")
    failing = JavaProgram("broker", Path("/bin/false"), 384, ("-cp", "a.jar"), "0" * 64)
    with pytest.raises(ConfigurationError, match="make clean") as refusal:
        broker.prepare(paths, StackPorts(40_000), failing)
    assert refusal.value.reason_code == "BROKER_FORMAT_FAILED"
    assert not list(paths.kafka.rglob("arguments"))


def test_registry_speaks_only_tls_on_loopback(paths: StackPaths, program: JavaProgram) -> None:
    environment = registry.describe(paths, StackPorts(40_000), program).env
    assert environment["QUARKUS_HTTP_INSECURE_REQUESTS"] == "disabled"
    assert environment["QUARKUS_HTTP_HOST"] == environment["QUARKUS_MANAGEMENT_HOST"] == "127.0.0.1"
    assert environment["QUARKUS_HTTP_SSL_PROTOCOLS"] == environment["QUARKUS_MANAGEMENT_SSL_PROTOCOLS"] == "TLSv1.3"
    assert environment["QUARKUS_HTTP_SSL_PORT"] == "40003"


def test_readiness_is_false_and_quiet_when_nothing_listens(paths: StackPaths, program: JavaProgram) -> None:
    ports = StackPorts(1_024)
    assert broker.describe(paths, ports, program).ready() is False
    assert registry.describe(paths, ports, program).ready() is False


def test_damaged_aot_cache_is_dropped_and_not_used(tmp_path: Path, program: JavaProgram) -> None:
    cache = CachePaths(tmp_path)
    cache.aot.mkdir()
    path = cache.aot / f"broker-{program.identity}.aot"
    path.write_bytes(b"recorded")
    path.with_suffix(".sha256").write_text(hashlib.sha256(b"recorded").hexdigest())
    assert aot.flags_for(program, cache) == (f"-XX:AOTCache={path}",)
    path.write_bytes(b"damaged")
    assert aot.flags_for(program, cache) == ()
    assert not path.exists()


def test_aot_cache_of_other_files_is_not_used(tmp_path: Path, program: JavaProgram) -> None:
    other = JavaProgram(program.name, program.java, program.heap_mb_max, program.launch, "1" * 64)
    assert other.identity != program.identity
    assert aot.flags_for(other, CachePaths(tmp_path)) == ()
