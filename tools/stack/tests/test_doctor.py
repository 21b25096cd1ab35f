"""The doctor: every check can fail, and each failure says what to do."""

import os
import socket
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.stack import doctor
from staithe.stack.capacity import Capacity, measure, refuse_small
from staithe.stack.doctor import Level
from staithe.stack.layout import CachePaths
from staithe.stack.ports import BASE_SETTING

GIB = 1 << 30


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_python_without_wheels_fails(version: tuple[int, int]) -> None:
    assert doctor.check_python(version).level is Level.FAIL


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_python_is_fine(version: tuple[int, int]) -> None:
    assert doctor.check_python(version).level is Level.OK


def test_missing_make_warns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_make().level is Level.WARN


def test_java_of_the_wheel_runs_here() -> None:
    assert doctor.check_java().level is Level.OK


@pytest.mark.parametrize(("disk", "memory"), [(1 * GIB, 8 * GIB), (100 * GIB, 1 * GIB), (0, 0)])
def test_small_machine_fails_and_is_refused(disk: int, memory: int) -> None:
    capacity = Capacity(disk, memory)
    levels = {doctor.check_disk(capacity).level, doctor.check_memory(capacity).level}
    assert Level.FAIL in levels
    with pytest.raises(ConfigurationError, match="needed") as refusal:
        refuse_small(capacity, Path("/stack"))
    assert "\n" not in refusal.value.message


def test_large_machine_is_accepted() -> None:
    refuse_small(Capacity(100 * GIB, 8 * GIB), Path("/stack"))


def test_capacity_is_measured_for_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    capacity = measure(tmp_path / "not" / "yet")
    assert capacity.disk_free_bytes > 0
    assert capacity.memory_available_bytes > 0


def test_busy_port_warns_and_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finding = doctor.check_ports({BASE_SETTING: str(server.getsockname()[1])})
    assert finding.level is Level.WARN
    assert str(os.getpid()) in finding.seen


def test_malformed_port_base_fails() -> None:
    finding = doctor.check_ports({BASE_SETTING: "many"})
    assert finding.level is Level.FAIL
    assert BASE_SETTING in finding.remedy


def test_empty_cache_warns_that_a_connection_is_needed(tmp_path: Path) -> None:
    finding = doctor.check_cache(CachePaths(tmp_path))
    assert finding.level is Level.WARN
    assert "kafka-4.4.0" in finding.seen


def test_system_without_namespaces_warns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_namespaces().level is Level.WARN


def test_other_encodings_than_utf8_fail() -> None:
    assert doctor.check_encoding("utf-8").level is Level.OK
    assert doctor.check_encoding("ascii").level is Level.FAIL


def test_every_finding_that_is_not_fine_says_what_to_do(tmp_path: Path) -> None:
    findings = doctor.examine(tmp_path, {"HOME": str(tmp_path)})
    assert len(findings) == 9
    assert all(finding.remedy for finding in findings if finding.level is not Level.OK)
