"""The `.staithe/` folder: private or refused."""

import stat
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import read_password
from staithe.stack.layout import CachePaths, StackPaths, ensure_private_folder, prepare_stack
from staithe.stack.secrets import PRINCIPALS, ensure_kafka_passwords, kafka_password


def test_every_folder_is_private_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = prepare_stack(Path(".staithe"))
    assert paths.root == tmp_path / ".staithe"
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in paths.folders} == {0o700}
    made = {folder for folder in paths.root.rglob("*") if folder.is_dir()} | {paths.root}
    assert made == set(paths.folders)


def test_folder_open_to_others_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    prepare_stack(tmp_path / "stack")
    (tmp_path / "stack" / "secrets").chmod(0o750)
    with pytest.raises(ConfigurationError, match=r"chmod 700 .*secrets") as refusal:
        prepare_stack(tmp_path / "stack")
    assert refusal.value.reason_code == "FOLDER_EXPOSED"


def test_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigurationError) as refusal:
        ensure_private_folder(tmp_path / "link")
    assert refusal.value.reason_code == "FOLDER_NOT_OWNED"


def test_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as refusal:
        prepare_stack(tmp_path / "file")
    assert refusal.value.reason_code == "FOLDER_UNUSABLE"


def test_cache_follows_the_xdg_specification(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert CachePaths.of_user({"HOME": home}).root == tmp_path / ".cache" / "staithe"
    assert CachePaths.of_user({"HOME": home, "XDG_CACHE_HOME": "/var/x"}).root == Path("/var/x/staithe")
    assert CachePaths.of_user({"HOME": home, "XDG_CACHE_HOME": "relative"}).root == tmp_path / ".cache" / "staithe"


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    paths = prepare_stack(tmp_path / "stack")
    ensure_kafka_passwords(paths)
    return paths


def test_every_principal_has_a_password_of_its_own_in_a_folder_of_its_own(paths: StackPaths) -> None:
    passwords = {kafka_password(paths, principal) for principal in PRINCIPALS}
    assert len(passwords) == len(PRINCIPALS) == 9
    assert all(len(password) == 43 for password in passwords)
    assert {stat.S_IMODE(file.stat().st_mode) for file in paths.secrets.rglob("kafka_password")} == {0o600}


def test_passwords_are_made_once(paths: StackPaths) -> None:
    before = read_password(paths.secrets_of("query") / "kafka_password")
    ensure_kafka_passwords(paths)
    assert kafka_password(paths, "query") == before


def test_exposed_password_is_refused(paths: StackPaths) -> None:
    (paths.secrets_of("query") / "kafka_password").chmod(0o644)
    with pytest.raises(ConfigurationError) as refusal:
        ensure_kafka_passwords(paths)
    assert refusal.value.reason_code == "SECRET_EXPOSED"
