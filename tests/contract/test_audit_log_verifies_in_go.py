"""A log written by Staithe is accepted by a verifier that shares nothing with it: Go's sumdb packages."""

import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from staithe.audit.log import TransparencyLog
from staithe.kernel.crypto.signing import Signer

SOURCE = Path(__file__).parent / "tlogverify"
ORIGIN = "audit.example/contract"
SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]
"""Around the ends of a bundle, of a tile of level 0, and of a tile of level 1."""
BATCH = 1024

Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Verify:
    """Runs the Go program with these arguments."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("needs the Go tool to build the independent verifier (go.dev/doc/install)")
    environment = os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"}
    fetched = subprocess.run([go, "mod", "download"], cwd=SOURCE, env=environment, capture_output=True, check=False)
    if fetched.returncode:
        pytest.skip(
            "needs the Go module golang.org/x/mod: run `go mod download` in tests/contract/tlogverify once online"
        )
    program = tmp_path_factory.mktemp("go") / "tlogverify"
    subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, env=environment, check=True)

    def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)

    return run


def entry(number: int) -> bytes:
    return sha256(b"%d" % number).hexdigest().encode() * (1 + number % 3)


def build(folder: Path, signer: Signer, size: int) -> Path:
    with TransparencyLog(folder / "log", signer, ORIGIN) as log:
        for first in range(log.size, size, BATCH):
            log.append([entry(i) for i in range(first, min(first + BATCH, size))])
        (folder / "log.vkey").write_text(f"{log.key}\n")
    return folder / "log"


def test_go_accepts_the_log_at_every_edge_size_as_an_extension_of_the_one_before(
    verify: Verify, tmp_path: Path
) -> None:
    signer, old = Signer.generate(), tmp_path / "old"
    for size in SIZES:
        log = build(tmp_path, signer, size)
        result = verify("-folder", log, "-vkey", tmp_path / "log.vkey", *(("-old", old) if old.exists() else ()))
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(f"ok {size} ")
        if size:  # Go proves no extension of the empty tree
            old.write_bytes((log / "checkpoint").read_bytes())


def test_go_refuses_a_fork(verify: Verify, tmp_path: Path) -> None:
    signer = Signer.generate()
    (tmp_path / "other").mkdir()
    other = build(tmp_path / "other", signer, 20)
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        log.append([b"another history"] * 30)
    arguments = ("-folder", tmp_path / "log", "-vkey", tmp_path / "other" / "log.vkey")
    assert verify(*arguments).returncode == 0
    assert verify(*arguments, "-old", other / "checkpoint").returncode == 1


@pytest.mark.parametrize(
    "file", ["checkpoint", "tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/1/000.p/1"]
)
def test_go_refuses_a_changed_byte(file: str, verify: Verify, tmp_path: Path) -> None:
    path = build(tmp_path, Signer.generate(), 300) / file
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    assert verify("-folder", tmp_path / "log", "-vkey", tmp_path / "log.vkey").returncode == 1
