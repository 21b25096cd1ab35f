"""Secrets in files, settings in the environment: exposed, odd, unknown and missing ones stop the start."""

import os
from pathlib import Path

import pytest
from kernel_samples import reason
from pydantic_settings import BaseSettings, SettingsConfigDict

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import SECRET_BYTES_MAX, read_password, read_secret, write_atomically, write_secret
from staithe.kernel.settings import load_settings


def secret(path: Path, content: bytes = b"secret", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        read_secret(path)
    assert path.name in str(refusal.value)
    return reason(refusal)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_owner_only_file_is_read(tmp_path: Path, mode: int) -> None:
    assert read_secret(secret(tmp_path / "s", mode=mode)) == b"secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606, 0o601, 0o610, 0o777])
def test_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    assert refused(secret(tmp_path / "s", mode=mode)) == "SECRET_EXPOSED"


def test_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret(tmp_path / "s"))
    assert refused(tmp_path / "link") == "SECRET_UNREADABLE"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "s") == "SECRET_UNREADABLE"


def test_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o700)
    assert refused(tmp_path / "s") == "SECRET_EXPOSED"


def test_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s", 0o600)
    assert refused(tmp_path / "s") == "SECRET_EXPOSED"


def test_large_file_is_refused(tmp_path: Path) -> None:
    assert len(read_secret(secret(tmp_path / "most", b"x" * SECRET_BYTES_MAX))) == SECRET_BYTES_MAX
    assert refused(secret(tmp_path / "s", b"x" * (SECRET_BYTES_MAX + 1))) == "SECRET_TOO_LARGE"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        read_secret(secret(tmp_path / "s"))
        with pytest.raises(ConfigurationError):
            read_secret(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize("content", [b"pass word", b"pass word\n", b"pass word\r\n", b"pass word\nsecond line\n"])
def test_password_is_the_first_line(tmp_path: Path, content: bytes) -> None:
    assert read_password(secret(tmp_path / "s", content)) == "pass word"


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond", b"\xff\xfe"])
def test_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_password(secret(tmp_path / "s", content))
    assert reason(refusal) == "PASSWORD_MALFORMED"


def test_written_secret_is_owner_only_and_replaces_whole(tmp_path: Path) -> None:
    path = secret(tmp_path / "s", b"a much longer old secret", 0o644)
    write_secret(path, b"new")
    assert read_secret(path) == b"new"
    write_atomically(path, b"public", mode=0o644)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["s"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = secret(tmp_path / "s")
    with pytest.raises(TypeError):
        write_secret(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"secret"
    assert [each.name for each in tmp_path.iterdir()] == ["s"]


class ExampleSettings(BaseSettings):
    """Settings of a service that is not there."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    port: int
    address: str = "127.0.0.1"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_EXAMPLE_PORT", "47100")


def test_settings_come_from_the_environment_and_cannot_change() -> None:
    settings = load_settings(ExampleSettings, "example")
    assert (settings.port, settings.address) == (47100, "127.0.0.1")
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    "name", ["STAITHE_EXAMPLE_PROT", "STAITHE_EXAMPLE_", "STAITHE_EXAMPLE_PORT_", "staithe_example_prot"]
)
def test_unknown_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "secret value")
    with pytest.raises(ConfigurationError, match=name) as refusal:
        load_settings(ExampleSettings, "example")
    assert reason(refusal) == "SETTING_UNKNOWN"
    assert "secret value" not in str(refusal.value)


def test_settings_of_other_services_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_EXAMPLES_PROT", "1")
    monkeypatch.setenv("STAITHE_OTHER_PROT", "1")
    assert load_settings(ExampleSettings, "example")


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAITHE_EXAMPLE_PORT")
    with pytest.raises(ConfigurationError, match="STAITHE_EXAMPLE_PORT: Field required") as refusal:
        load_settings(ExampleSettings, "example")
    assert reason(refusal) == "SETTING_INVALID"


def test_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAITHE_EXAMPLE_PORT", "secret-value")
    with pytest.raises(ConfigurationError, match="STAITHE_EXAMPLE_PORT") as refusal:
        load_settings(ExampleSettings, "example")
    assert "secret-value" not in str(refusal.value)
