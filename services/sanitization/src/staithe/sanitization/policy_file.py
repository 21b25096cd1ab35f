"""Reads a policy from YAML."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from staithe.kernel.errors import ConfigurationError
from staithe.sanitization.policy import Policy

POLICY_BYTES_MAX: Final = 1 << 20
"""A thousand rules are 200 KB; a larger file is the wrong file."""


class _NoRepeats(yaml.SafeLoader):
    """YAML 1.2 forbids a key twice; PyYAML takes the last one, which would drop a rule's condition unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(set(map(repr, keys))) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_policy(path: Path) -> Policy:
    """The checked policy in `path`; raises ConfigurationError that names the first fault and its place."""
    try:
        with path.open("rb") as file:
            content = file.read(POLICY_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the policy {path}: {error.strerror}", reason_code="POLICY_UNREADABLE"
        ) from error
    if len(content) > POLICY_BYTES_MAX:
        raise ConfigurationError(f"{path} is too large for a policy", reason_code="POLICY_INVALID")
    return parse_policy(content, str(path))


def parse_policy(content: bytes, place: str) -> Policy:
    """The checked policy in `content`; `place` is how messages call it. Raises ConfigurationError."""
    try:
        # The loader is SafeLoader's, with one thing more refused.
        return Policy.model_validate(yaml.load(content, _NoRepeats))  # noqa: S506
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "top level"
        raise ConfigurationError(f"{place}: {where}: {first['msg']}", reason_code="POLICY_INVALID") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark else ""
        raise ConfigurationError(f"{place} is not valid YAML{where}", reason_code="POLICY_INVALID") from error
