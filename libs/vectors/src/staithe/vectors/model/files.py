"""Where the prepared model lies, and the manifest that tells an old model from a tampered one."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.vectors.model.pins import (
    BUILDER_VERSION,
    GRAPH_BYTES_MAX,
    GRAPH_SHA256,
    MODEL_NAME,
    TOKENIZER_SHA256,
    WEIGHTS_SHA256,
)

_PREPARE: Final = "prepare the model (`make run` does it)"


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """The files of the prepared model; `manifest` is written last, so it exists only beside whole files."""

    graph: Path
    tokenizer: Path
    manifest: Path


def default_cache_dir() -> Path:
    """$XDG_CACHE_HOME/staithe, by default ~/.cache/staithe (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "staithe"


def model_paths(cache_dir: Path) -> ModelPaths:
    """Where the prepared model lies below `cache_dir`; looks at nothing."""
    folder = cache_dir / "models" / MODEL_NAME
    return ModelPaths(folder / "model.onnx", folder / "tokenizer.json", folder / "manifest.json")


def manifest_bytes() -> bytes:
    """The manifest of the model this version of Staithe builds."""
    fields = {
        "model": MODEL_NAME,
        "builder_version": BUILDER_VERSION,
        "weights_sha256": WEIGHTS_SHA256,
        "graph_sha256": GRAPH_SHA256,
        "tokenizer_sha256": TOKENIZER_SHA256,
    }
    return json.dumps(fields, indent=2).encode() + b"\n"


def read_verified(paths: ModelPaths) -> tuple[bytes, bytes]:
    """The bytes of graph and tokenizer, read once and checked, so that what was checked is what gets used.

    Raises ConfigurationError when the model is missing or from another version of Staithe, and Integrity when a
    file does not have its pinned digest. The pins are in the code: rewriting the manifest helps no attacker.
    """
    if _read(paths.manifest) != manifest_bytes():
        raise ConfigurationError(
            f"{paths.manifest} is of another version of Staithe: {_PREPARE}", reason_code="MODEL_OUTDATED"
        )
    return _read_pinned(paths.graph, GRAPH_SHA256), _read_pinned(paths.tokenizer, TOKENIZER_SHA256)


def _read_pinned(path: Path, sha256: str) -> bytes:
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Integrity(
            f"{path} does not have its pinned digest: find out who changed it, then prepare the model again",
            reason_code="MODEL_DIGEST_MISMATCH",
        )
    return content


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(GRAPH_BYTES_MAX)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the model file {path} ({error.strerror}): {_PREPARE}", reason_code="MODEL_NOT_PREPARED"
        ) from error
