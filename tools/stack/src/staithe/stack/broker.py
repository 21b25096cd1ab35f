"""Apache Kafka 4.4.0 in KRaft mode, as one process of the local stack (Java from a wheel, jars from the lock)."""

import base64
import hashlib
import os
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import read_secret, write_secret
from staithe.stack import aot
from staithe.stack.artifacts import KAFKA_LOCK, Fetch, Progress, ensure_files, load_lock
from staithe.stack.broker_config import LOGGING, OPERATOR, server_properties
from staithe.stack.java import JavaProgram, java_environment, java_executable
from staithe.stack.layout import CachePaths, StackPaths, ensure_private_folder
from staithe.stack.limits import JAVA_START_TIMEOUT_S, JAVA_STOP_TIMEOUT_S, SCRAM_ITERATIONS
from staithe.stack.ports import StackPorts
from staithe.stack.probes import kafka_ready
from staithe.stack.processes import ProcessSpec
from staithe.stack.secrets import kafka_password

NAME: Final = "broker"
PORT_NAMES: Final = ("kafka_client", "kafka_controller", "kafka_internal")
HEAP_MB_MAX: Final = 384

_SALT_BYTES: Final = 24


def load_program(cache: CachePaths, fetch: Fetch, on_progress: Progress) -> JavaProgram:
    """Kafka, fetched where absent and verified now; raises as `artifacts.ensure_files` and `java_executable` do."""
    lock = load_lock(KAFKA_LOCK)
    jars = ensure_files(lock, cache, fetch, on_progress)
    # Every jar by name: with a wildcard a file that somebody adds to the cache would run.
    launch = ("-cp", os.pathsep.join(str(jar) for jar in jars))
    return JavaProgram(NAME, java_executable(), HEAP_MB_MAX, launch, lock.sha256)


def prepare(paths: StackPaths, ports: StackPorts, program: JavaProgram) -> None:
    """Write the settings (mode 0600) and, the first time, format the data folder with the operator's SCRAM credential.

    Needs certificates and passwords to be there. Raises ConfigurationError when formatting fails.
    """
    temporary = paths.kafka / "tmp"
    ensure_private_folder(temporary)
    client, peer = write_keystores(paths)
    properties = server_properties(ports, paths.kafka / "data", client, peer, paths.pki_broker / "ca.pem")
    write_secret(paths.kafka / "server.properties", properties.encode())
    write_secret(paths.kafka / "log4j2.properties", LOGGING.encode())
    if not (paths.kafka / "data" / "meta.properties").exists():
        _format(paths, program)


def describe(paths: StackPaths, ports: StackPorts, program: JavaProgram, flags: tuple[str, ...] = ()) -> ProcessSpec:
    """The process, ready to spawn after `prepare`. `flags` come from `aot.flags_for`."""
    logging = f"-Dlog4j2.configurationFile={paths.kafka / 'log4j2.properties'}"
    server = program.argv(
        "kafka.Kafka",
        str(paths.kafka / "server.properties"),
        temporary=paths.kafka / "tmp",
        flags=(*flags, logging),
    )
    return ProcessSpec(
        name=NAME,
        argv=server,
        env=java_environment(paths.kafka),
        cwd=paths.kafka,
        log_path=paths.log_of(NAME),
        ready=kafka_ready(ports.of("kafka_client"), paths.services_authority),
        stop_timeout_s=JAVA_STOP_TIMEOUT_S,
    )


def train(cache: CachePaths, program: JavaProgram) -> None:
    """Record the AOT cache in a throwaway stack; see `aot.train`."""
    aot.train(
        program,
        cache,
        PORT_NAMES,
        lambda paths, ports: prepare(paths, ports, program),
        lambda paths, ports, flags: describe(paths, ports, program, flags),
    )


def write_keystores(paths: StackPaths) -> tuple[Path, Path]:
    """Put the broker's certificates, as they are now, into the form Kafka reads at its start; returns both files."""
    client, peer = paths.kafka / "client.keystore.pem", paths.kafka / "peer.keystore.pem"
    _write_keystore(client, paths.pki_services, NAME)
    _write_keystore(peer, paths.pki_broker, NAME)
    return client, peer


def _write_keystore(target: Path, pki: Path, name: str) -> None:
    """Kafka's PEM keystore is one file: key, certificate, authority."""
    parts = (pki / f"{name}.key", pki / f"{name}.pem", pki / "ca.pem")
    write_secret(target, b"".join(read_secret(part) for part in parts))


def _format(paths: StackPaths, program: JavaProgram) -> None:
    """Run Kafka's format tool. Everything secret goes in an argument file, because command lines are public."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    credential = scram_credential(OPERATOR, kafka_password(paths, OPERATOR))
    arguments = program.argv(
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster_id}",
        f"--config={paths.kafka / 'server.properties'}",
        "--standalone",
        f"--add-scram={credential}",
        temporary=paths.kafka / "tmp",
        flags=(f"-Dlog4j2.configurationFile={paths.kafka / 'log4j2.properties'}",),
    )
    with tempfile.TemporaryDirectory(dir=paths.kafka) as folder:
        argument_file = Path(folder) / "arguments"
        write_secret(argument_file, "\n".join(quote_argument(argument) for argument in arguments[1:]).encode())
        try:
            # The tool prints the credential, so its output goes nowhere.
            subprocess.run(
                [arguments[0], f"@{argument_file}"],
                env=java_environment(paths.kafka),
                cwd=paths.kafka,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                umask=0o077,
                timeout=JAVA_START_TIMEOUT_S,
                check=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise ConfigurationError(
                f"cannot format {paths.kafka / 'data'}; run `make clean` and start again",
                reason_code="BROKER_FORMAT_FAILED",
            ) from error


def scram_credential(user: str, password: str) -> str:
    """A SCRAM-SHA-512 credential (RFC 5802) in the salted form of Kafka's format tool; as secret as the password."""
    salt = os.urandom(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, SCRAM_ITERATIONS)
    encoded_salt, encoded_salted = base64.b64encode(salt).decode(), base64.b64encode(salted).decode()
    return (
        f'SCRAM-SHA-512=[name={user},salt="{encoded_salt}",saltedpassword="{encoded_salted}",'
        f"iterations={SCRAM_ITERATIONS}]"
    )


def quote_argument(argument: str) -> str:
    """One argument as Java's argument files write it."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
