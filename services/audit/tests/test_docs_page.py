"""The program printed in docs/verify-without-staithe.md does what the page says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.kernel.crypto.signing import Signer

PAGE = Path(__file__).parents[3] / "docs" / "verify-without-staithe.md"
ORIGIN = "audit.example/test"
Build = Callable[[Sequence[int]], Path]
Entries = Callable[[int, int], list[bytes]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def program() -> str:
    found, _ = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def run(program: str, tmp_path: Path, signer: Signer) -> Run:
    (tmp_path / "verify.py").write_text(program, encoding="utf-8")
    (tmp_path / "log.vkey").write_text(f"{VerifierKey(ORIGIN, signer.public_key)}\n")

    def verify(folder: Path, *kept: Path) -> "subprocess.CompletedProcess[str]":
        command: list[str | Path] = [sys.executable, "-I", tmp_path / "verify.py", folder, tmp_path / "log.vkey", *kept]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return verify


def test_the_program_is_short_and_imports_nothing_of_ours(program: str) -> None:
    assert len(program.splitlines()) <= 60
    assert "staithe" not in program


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
def test_it_accepts_a_log(size: int, run: Run, build_log: Build) -> None:
    result = run(build_log([size]))
    assert (result.returncode, result.stdout.split()[:2], result.stderr) == (0, ["ok", str(size)], "")


def test_it_accepts_an_empty_log(run: Run, open_log: Callable[[], TransparencyLog]) -> None:
    with open_log() as log:
        assert run(log.folder).stdout.startswith("ok 0 ")


def test_it_accepts_a_log_that_extends_the_kept_checkpoint(
    run: Run, build_log: Build, entries: Entries, signer: Signer, tmp_path: Path
) -> None:
    folder = build_log([300])
    shutil.copy(folder / "checkpoint", tmp_path / "kept")
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append(entries(300, 555))
    assert run(folder, tmp_path / "kept").returncode == 0


@pytest.mark.parametrize("file", ["checkpoint", "tile/entries/000", "tile/entries/001.p/44"])
def test_it_refuses_a_changed_byte(file: str, run: Run, build_log: Build) -> None:
    folder = build_log([300])
    content = bytearray((folder / file).read_bytes())
    content[-7] ^= 1
    (folder / file).write_bytes(content)
    result = run(folder)
    assert result.returncode == 1
    assert result.stderr


def test_it_refuses_the_checkpoint_of_another_key(run: Run, tmp_path: Path) -> None:
    with TransparencyLog(tmp_path / "forged", Signer.generate(), ORIGIN) as log:
        log.append([b"forged"])
    assert run(tmp_path / "forged").stderr == "the checkpoint is not signed by this key\n"


def test_it_refuses_a_fork_and_a_rollback_of_the_kept_checkpoint(
    run: Run, build_log: Build, signer: Signer, tmp_path: Path
) -> None:
    folder = build_log([300])
    with TransparencyLog(tmp_path / "fork", signer, ORIGIN) as fork:
        for note in (fork.append([b"x"]).checkpoint, fork.append([b"x"] * 400).checkpoint):
            (tmp_path / "kept").write_bytes(note)
            assert run(folder, tmp_path / "kept").stderr.startswith("the log is not what was signed at")
