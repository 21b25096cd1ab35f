"""Fetching: a machine without a connection is told what to do, and a body without end is cut."""

from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.stack import maven
from staithe.stack.artifacts import KAFKA_LOCK, load_lock


def test_without_a_connection_the_missing_file_and_the_way_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    artifact = load_lock(KAFKA_LOCK).artifacts[0]
    with pytest.raises(ConfigurationError, match="connect to the internet") as refusal:
        maven.fetch(artifact, tmp_path / "target", lambda _name, _done, _total: None)
    assert refusal.value.reason_code == "ARTIFACT_UNREACHABLE"
    assert artifact.filename in refusal.value.message
    assert list(tmp_path.iterdir()) == []


def test_download_over_the_limit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maven, "DOWNLOAD_BYTES_MAX", 10)
    seen: list[tuple[str, int, int]] = []
    with maven._progress_adapter(lambda *step: seen.append(step))("file", 100) as advance:
        advance(10)
        with pytest.raises(OSError, match="larger"):
            advance(1)
    assert seen == [("file", 10, 100)]
