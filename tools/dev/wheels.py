"""Builds a wheel of every distribution from the committed files, twice and in different places; the bytes must agree.

    python tools/dev/wheels.py [FOLDER]     # dist/wheels by default

Times in the wheels are the commit's, so whoever builds this commit with the locked tools gets the same bytes and can
compare hashes (reproducible-builds.org). Files that are not committed are not built. Exit 1 when two builds differ.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD_SECONDS_MAX: Final = 60


def build(source: Path, output: Path, epoch: str) -> Path:
    """The wheel of the distribution in `source`, written into `output`; raises CalledProcessError."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    subprocess.run(
        command, cwd=source, env=environment, capture_output=True, check=True, timeout=BUILD_SECONDS_MAX
    )  # fmt: skip
    return next(output.iterdir())


def digest(path: Path) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def twice(tree: Path, work: Path, epoch: str) -> Iterator[tuple[str, Path, bool]]:
    """For each distribution its name, a wheel of it, and whether a second build from another place is the same."""
    for project in sorted(tree.glob("*/*/pyproject.toml")):
        source, name = project.parent, project.parent.name
        elsewhere = work / "elsewhere" / "another-name" / name
        shutil.copytree(source, elsewhere)
        wheel = build(source, work / "first" / name, epoch)
        yield name, wheel, digest(wheel) == digest(build(elsewhere, work / "second" / name, epoch))


def main() -> int:
    """Build, compare, keep."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "wheels"
    epoch = _git("log", "-1", "--format=%ct").decode().strip()
    table = Table(
        "wheel", "SHA-256", "built twice", title=f"commit {_git('rev-parse', '--short', 'HEAD').decode().strip()}"
    )
    differ = False
    with tempfile.TemporaryDirectory(prefix="staithe-wheels-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        subprocess.run(["tar", "-x", "-C", str(tree)], input=_git("archive", "HEAD"), check=True)
        output.mkdir(parents=True, exist_ok=True)
        for _, wheel, same in twice(tree, Path(folder), epoch):
            differ = differ or not same
            table.add_row(wheel.name, digest(wheel), "[green]same[/]" if same else "[red]differs[/]")
            shutil.copy(wheel, output)
    Console(width=max(Console().width, 130)).print(table)
    return 1 if differ else 0


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
