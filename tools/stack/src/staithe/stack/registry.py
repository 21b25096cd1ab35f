"""Apicurio Registry 3.3.3 as one process of the local stack: Confluent's API, TLS 1.3 on loopback, H2 files.

Security in this state: TLS 1.3 and loopback only. There is no login: any process on this machine, of any user, may
read, register and delete schemas. Services do not depend on it for safety, because they pin their reader schemas. Roles
through OIDC are not built yet.
"""

from typing import Final

from staithe.stack import aot
from staithe.stack.artifacts import REGISTRY_LOCK, Fetch, Progress, ensure_tree, load_lock
from staithe.stack.java import JavaProgram, java_environment, java_executable
from staithe.stack.layout import CachePaths, StackPaths, ensure_private_folder
from staithe.stack.limits import (
    CERTIFICATE_RELOAD_S,
    JAVA_STOP_TIMEOUT_S,
    REGISTRY_BODY_BYTES_MAX,
    REGISTRY_CONNECTIONS_MAX,
)
from staithe.stack.ports import HOST, StackPorts
from staithe.stack.probes import https_ready
from staithe.stack.processes import ProcessSpec

NAME: Final = "registry"
PORT_NAMES: Final = ("registry", "registry_management")
HEAP_MB_MAX: Final = 320
API_PATH: Final = "/apis/ccompat/v7"
"""Where Confluent's API lives below `https://localhost:<port>`."""


def load_program(cache: CachePaths, fetch: Fetch, on_progress: Progress) -> JavaProgram:
    """Apicurio, fetched where absent and verified now; raises as `artifacts.ensure_tree` and `java_executable` do."""
    lock = load_lock(REGISTRY_LOCK)
    tree = ensure_tree(lock, cache, fetch, on_progress)
    return JavaProgram(NAME, java_executable(), HEAP_MB_MAX, ("-jar", str(tree / "quarkus-run.jar")), lock.sha256)


def prepare(paths: StackPaths) -> None:
    """Make the folders; needs certificates to be there before the process starts."""
    ensure_private_folder(paths.registry / "tmp")


def describe(paths: StackPaths, ports: StackPorts, program: JavaProgram, flags: tuple[str, ...] = ()) -> ProcessSpec:
    """The process, ready to spawn after `prepare`. `flags` come from `aot.flags_for`."""
    return ProcessSpec(
        name=NAME,
        argv=program.argv(temporary=paths.registry / "tmp", flags=flags),
        env={**java_environment(paths.registry), **_settings(paths, ports)},
        cwd=paths.registry,
        log_path=paths.log_of(NAME),
        ready=https_ready(ports.of("registry"), paths.services_authority, f"{API_PATH}/subjects"),
        stop_timeout_s=JAVA_STOP_TIMEOUT_S,
    )


def train(cache: CachePaths, program: JavaProgram) -> None:
    """Record the AOT cache in a throwaway stack; see `aot.train`."""
    aot.train(
        program,
        cache,
        PORT_NAMES,
        lambda paths, _ports: prepare(paths),
        lambda paths, ports, flags: describe(paths, ports, program, flags),
    )


def _settings(paths: StackPaths, ports: StackPorts) -> dict[str, str]:
    certificate, key = str(paths.pki_services / f"{NAME}.pem"), str(paths.pki_services / f"{NAME}.key")
    return {
        "QUARKUS_HTTP_HOST": HOST,
        "QUARKUS_HTTP_INSECURE_REQUESTS": "disabled",
        "QUARKUS_HTTP_SSL_PORT": str(ports.of("registry")),
        "QUARKUS_HTTP_SSL_PROTOCOLS": "TLSv1.3",
        "QUARKUS_HTTP_SSL_CERTIFICATE_FILES": certificate,
        "QUARKUS_HTTP_SSL_CERTIFICATE_KEY_FILES": key,
        "QUARKUS_HTTP_SSL_CERTIFICATE_RELOAD_PERIOD": f"{CERTIFICATE_RELOAD_S}s",
        "QUARKUS_HTTP_LIMITS_MAX_BODY_SIZE": str(REGISTRY_BODY_BYTES_MAX),
        "QUARKUS_HTTP_LIMITS_MAX_CONNECTIONS": str(REGISTRY_CONNECTIONS_MAX),
        # The management listener is on every interface, and plain HTTP, unless told otherwise.
        "QUARKUS_MANAGEMENT_HOST": HOST,
        "QUARKUS_MANAGEMENT_PORT": str(ports.of("registry_management")),
        "QUARKUS_MANAGEMENT_SSL_PROTOCOLS": "TLSv1.3",
        "QUARKUS_MANAGEMENT_SSL_CERTIFICATE_FILES": certificate,
        "QUARKUS_MANAGEMENT_SSL_CERTIFICATE_KEY_FILES": key,
        "QUARKUS_MANAGEMENT_SSL_CERTIFICATE_RELOAD_PERIOD": f"{CERTIFICATE_RELOAD_S}s",
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "QUARKUS_BANNER_ENABLED": "false",
        "QUARKUS_OTEL_SDK_DISABLED": "true",
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{paths.registry / 'h2' / 'registry'};DB_CLOSE_ON_EXIT=FALSE",
        "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "8",
    }
