"""A wrong setting, file, port or download: one clear line that says what to do, an exit code, and nothing started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from support.live import REPOSITORY, SERVICES, LiveStack, free_ports

from staithe.stack.layout import CachePaths

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

EXIT_FAILED, EXIT_MISCONFIGURED = 1, 2
Finished = subprocess.CompletedProcess[str]


def environment_of(live: LiveStack, service: str) -> dict[str, str]:
    """What the running service was started with."""
    return psutil.Process(live.pid_of(service)).environ()


def run_service(service: str, environment: dict[str, str], folder: Path) -> Finished:
    return subprocess.run(
        [sys.executable, "-m", f"staithe.{service}"], env=environment, cwd=folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def one_line(answer: Finished, code: int, *words: str) -> str:
    """Standard error is one line with these words, the exit code is `code`, and no traceback is anywhere."""
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    lines = [line for line in answer.stderr.splitlines() if line.strip() and not line.startswith("·")]
    assert len(lines) == 1, answer.stderr
    assert [word for word in words if word not in lines[0]] == [], lines[0]
    return lines[0]


def test_every_service_refuses_a_misspelt_and_a_missing_setting(live: LiveStack, tmp_path: Path) -> None:
    def misspelt(service: str) -> Finished:
        prefix = f"STAITHE_{service.upper()}_"
        environment = environment_of(live, service)
        environment[f"{prefix}KAFKA_BOOTSTRAPS"] = environment[f"{prefix}KAFKA_BOOTSTRAP"]
        return run_service(service, environment, tmp_path)

    def missing(service: str) -> Finished:
        environment = environment_of(live, service)
        del environment[f"STAITHE_{service.upper()}_KAFKA_BOOTSTRAP"]
        return run_service(service, environment, tmp_path)

    with ThreadPoolExecutor(2) as pool:
        for service, answer in zip(SERVICES, pool.map(misspelt, SERVICES), strict=True):
            one_line(answer, EXIT_MISCONFIGURED, f"STAITHE_{service.upper()}_KAFKA_BOOTSTRAPS", "correct its name")
        for service, answer in zip(SERVICES[:2], pool.map(missing, SERVICES[:2]), strict=True):
            one_line(answer, EXIT_MISCONFIGURED, f"STAITHE_{service.upper()}_KAFKA_BOOTSTRAP")


@pytest.mark.parametrize("setting", ["KAFKA_PASSWORD_FILE", "TOPOLOGY_FILE", "SCHEMAS_DIR", "KEYRING_FILE", "CA_FILE"])
def test_service_refuses_a_settings_file_that_is_not_there(live: LiveStack, tmp_path: Path, setting: str) -> None:
    environment = environment_of(live, "sanitization")
    name = f"STAITHE_SANITIZATION_{setting}"
    absent = tmp_path / "absent"
    assert Path(environment[name]).exists()
    environment |= {name: str(absent), "STAITHE_SANITIZATION_HEALTH_PORT": str(free_ports().of("query_health"))}
    one_line(run_service("sanitization", environment, tmp_path), EXIT_MISCONFIGURED, str(absent))


def test_service_refuses_a_password_file_that_others_may_read(live: LiveStack, tmp_path: Path) -> None:
    environment = environment_of(live, "sanitization")
    exposed = tmp_path / "password"
    shutil.copy(environment["STAITHE_SANITIZATION_KAFKA_PASSWORD_FILE"], exposed)
    exposed.chmod(0o644)
    environment |= {
        "STAITHE_SANITIZATION_KAFKA_PASSWORD_FILE": str(exposed),
        "STAITHE_SANITIZATION_HEALTH_PORT": str(free_ports().of("query_health")),
    }
    one_line(run_service("sanitization", environment, tmp_path), EXIT_MISCONFIGURED, f"chmod 600 {exposed}")


def test_service_refuses_a_busy_health_port(live: LiveStack, tmp_path: Path) -> None:
    environment = environment_of(live, "sanitization")
    port = environment["STAITHE_SANITIZATION_HEALTH_PORT"]
    answer = run_service("sanitization", environment, tmp_path)
    one_line(answer, EXIT_MISCONFIGURED, f"port {port}", "STAITHE_SANITIZATION_HEALTH_PORT")


def up(live: LiveStack, folder: Path, **more: str) -> Finished:
    """`staithe up` for a second stack, which must end by itself."""
    return live.cli("up", more={"STAITHE_STACK_FOLDER": str(folder), **more})


def test_second_stack_on_the_same_ports_is_refused(live: LiveStack, tmp_path: Path) -> None:
    line = one_line(
        up(live, tmp_path / "second"), EXIT_MISCONFIGURED, f"port {live.ports.of('kafka_client')}", "java",
        "STAITHE_STACK_PORT_BASE", "PORT_BUSY",
    )  # fmt: skip
    assert str(live.pid_of("broker")) in line


@pytest.mark.parametrize("base", ["80", "70000", "abc", ""])
def test_port_base_that_is_none_is_refused(live: LiveStack, tmp_path: Path, base: str) -> None:
    one_line(up(live, tmp_path / "x", STAITHE_STACK_PORT_BASE=base), EXIT_MISCONFIGURED, "STAITHE_STACK_PORT_BASE")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    """A cache of one's own with the same programs and model; files are hard links, so never change one in place."""
    real = CachePaths.of_user(dict(os.environ)).root
    target = tmp_path / "cache" / "staithe"

    def link_or_copy(source: str, copy: str) -> None:
        try:
            os.link(source, copy)
        except OSError:
            shutil.copy2(source, copy)

    shutil.copytree(real, target, copy_function=link_or_copy)
    yield target
    shutil.rmtree(target)


def change_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o600)


def test_jar_with_one_changed_byte_never_runs(live: LiveStack, cache: Path, tmp_path: Path) -> None:
    jar = next((cache / "artifacts").glob("kafka-*/kafka-server_*.jar"), None) or next(
        (cache / "artifacts").glob("kafka-*/*.jar")
    )
    change_one_byte(jar)
    answer = up(
        live, tmp_path / "stack", XDG_CACHE_HOME=str(cache.parent), STAITHE_STACK_PORT_BASE=str(free_ports().base)
    )
    one_line(answer, EXIT_FAILED, jar.name, "SHA-256", "ARTIFACT_MISMATCH")
    assert not jar.exists()
    assert [log for log in (tmp_path / "stack" / "logs").iterdir() if log.stat().st_size] == []


def test_tampered_model_is_refused_by_the_services_that_load_it(live: LiveStack, cache: Path, tmp_path: Path) -> None:
    graph = next((cache / "models").rglob("*.onnx"))
    change_one_byte(graph)
    for service in ("embedding", "query"):
        prefix = f"STAITHE_{service.upper()}_"
        ports = free_ports()
        environment = environment_of(live, service) | {
            f"{prefix}MODEL_CACHE_DIR": str(cache), f"{prefix}HEALTH_PORT": str(ports.of(f"{service}_health")),
        }  # fmt: skip
        if service == "query":
            environment[f"{prefix}HTTPS_PORT"] = str(ports.of("query"))
        answer = run_service(service, environment, tmp_path)
        assert answer.returncode in (EXIT_FAILED, EXIT_MISCONFIGURED)
        one_line(answer, answer.returncode, str(graph))


def test_unreadable_topology_is_refused_by_the_command(live: LiveStack, tmp_path: Path) -> None:
    def up_in(folder: Path) -> Finished:
        return subprocess.run(
            [sys.executable, "-m", "staithe.cli", "up"], cwd=folder, env=live.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    one_line(up_in(tmp_path), EXIT_MISCONFIGURED, "topology.yaml", "NOT_A_CHECKOUT")
    text = (REPOSITORY / "topology.yaml").read_text()
    (tmp_path / "topology.yaml").write_text(text.replace("consumes:", "consums:", 1))
    one_line(up_in(tmp_path), EXIT_MISCONFIGURED, "topology.yaml", "services.ingestion.consums", "TOPOLOGY_INVALID")
    (tmp_path / "topology.yaml").write_text("topics: [")
    one_line(up_in(tmp_path), EXIT_MISCONFIGURED, "topology.yaml", "TOPOLOGY_INVALID")


def test_full_disk_is_refused_before_anything_starts(live: LiveStack, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    inner = f'mount -t tmpfs -o size=32m,mode=700 none {folder} && exec "$0" -m staithe.cli up'
    probe = subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True)
    if probe.returncode != 0:
        pytest.skip("mount namespaces are not allowed here, so no small disk can be made")
    environment = live.environment | {
        "STAITHE_STACK_FOLDER": str(folder / "stack"), "STAITHE_STACK_PORT_BASE": str(free_ports().base)
    }  # fmt: skip
    answer = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inner, sys.executable], cwd=REPOSITORY, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    one_line(answer, EXIT_MISCONFIGURED, "disk")


def test_command_without_a_stack_says_how_to_start_one(live: LiveStack, tmp_path: Path) -> None:
    for verb in (["ask", "Who?"], ["search", "x"], ["publish", "samples"], ["audit", "verify"]):
        answer = live.cli(*verb, more={"STAITHE_STACK_FOLDER": str(tmp_path / "none")})
        one_line(answer, EXIT_MISCONFIGURED, "staithe up", "STACK_MISSING")


def test_stack_is_untouched_by_all_of_this(live: LiveStack) -> None:
    assert all(row["state"] == "ready" for row in live.wait_ready(30))
