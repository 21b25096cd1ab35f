"""What the stack says about its Milvus processes, without starting one."""

import lzma
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.stack import milvus_server, milvus_wheel
from staithe.stack.layout import prepare_stack
from staithe.stack.milvus_lite import milvus_lite_process
from staithe.stack.ports import StackPorts, find_free

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "milvus-server.txt"


def a_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    wheel = folder / "w.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, lzma.compress(content))
    return wheel


def test_lite_listens_on_loopback_only_and_closes_its_database_when_stopped(tmp_path: Path) -> None:
    spec = milvus_lite_process(prepare_stack(tmp_path / "s"), StackPorts(48_200))
    assert spec.argv[spec.argv.index("--host") + 1] == "127.0.0.1"
    assert spec.stop_signal == signal.SIGINT
    assert not spec.ready()


def test_the_requirements_file_pins_one_wheel() -> None:
    assert len(milvus_wheel.pinned_digest(REQUIREMENTS)) == 64


@pytest.mark.parametrize("content", ["", "milvus==2.3.5\n", "--hash=sha256:" + "0" * 64 + " --hash=sha256:" + "1" * 64])
def test_a_requirements_file_without_exactly_one_digest_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "r.txt"
    file.write_text(content)
    with pytest.raises(ConfigurationError):
        milvus_wheel.pinned_digest(file)


def test_only_the_servers_own_files_are_unpacked(tmp_path: Path) -> None:
    wheel = a_wheel(
        tmp_path,
        {
            "milvus/data/bin/milvus.lzma": b"program",
            "milvus/data/bin/../../evil.lzma": b"evil",
            "milvus/data/bin/sub/dir.lzma": b"evil",
            "milvus/__init__.py": b"evil",
        },
    )
    milvus_wheel.unpack(wheel, tmp_path / "tree")
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["milvus"]
    assert (tmp_path / "tree" / "milvus").read_bytes() == b"program"


def test_a_changed_file_in_the_cache_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / f"milvus-{milvus_wheel.pinned_digest(REQUIREMENTS)[:12]}"
    folder.mkdir()
    (folder / "milvus").write_bytes(b"changed")
    with pytest.raises(Integrity, match="MILVUS_TREE_MISMATCH"):
        milvus_wheel.ensure_server(tmp_path, REQUIREMENTS)


def test_the_server_is_never_started_where_namespaces_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ConfigurationError("no namespaces", reason_code="NAMESPACES_UNAVAILABLE")

    monkeypatch.setattr(milvus_server, "require_namespaces", refuse)
    with pytest.raises(ConfigurationError, match="NAMESPACES_UNAVAILABLE"):
        milvus_server.milvus_server_process(prepare_stack(tmp_path / "s"), StackPorts(48_200), tmp_path)


def test_an_enclosure_whose_program_dies_exits_with_one_and_opens_no_door() -> None:
    door = str(find_free(["milvus"]).of("milvus"))  # below the ports that outgoing connections take
    command = [sys.executable, "-m", "staithe.stack.milvus_enclosure", "--door-port", door]
    done = subprocess.run(
        [*command, "--inner-port", "1", "--health-port", "2", "--", "/bin/false"], check=False, timeout=30
    )
    assert done.returncode == 1
