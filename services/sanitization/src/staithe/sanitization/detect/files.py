"""Reads the data files beside this package: rules, identities and words."""

from importlib.resources import files
from typing import Any

import yaml


def read(stem: str) -> Any:
    """What rules/`stem`.yaml says. Raises ValueError when it is no YAML."""
    text = (files("staithe.sanitization.detect") / "rules" / f"{stem}.yaml").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> Any:
    """What a YAML text says, read by the fast parser where there is one. Raises ValueError when it is none."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
