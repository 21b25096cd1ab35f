"""Reads the policies that the query service is given as YAML; each comes out checked, or the service does not start."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from staithe.kernel.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def load_policy(path: Path, model: type[Model], reason_code: str) -> Model:
    """What `path` says, as `model`; raises ConfigurationError with `reason_code` and every place that is wrong."""
    try:
        return model.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"{path}: {places}", reason_code=reason_code) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML", reason_code=reason_code) from error
