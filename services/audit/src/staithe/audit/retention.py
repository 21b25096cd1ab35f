"""How long the log keeps entries, by class of action: a policy as data, and what it says of one entry. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from staithe.kernel.errors import ConfigurationError

DAYS_MIN: Final = 60
"""`audit.events.v1` keeps events for 30 days: an entry that went earlier could be delivered, and logged, again."""
CLASSES_MAX: Final = 32
POLICY_BYTES_MAX: Final = 65_536
_DAY_MS: Final = 86_400_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionClass(_Strict):
    """Actions that are kept alike."""

    name: str = Field(pattern="[a-z][a-z_]{0,31}")
    actions: tuple[str, ...] = Field(min_length=1, max_length=64, description="Actions, `*` for any letters.")
    days: int = Field(ge=DAYS_MIN, le=36_500)


class RetentionPolicy(_Strict):
    """The first class that names an action counts; the last one names all."""

    version: Literal[1]
    classes: tuple[RetentionClass, ...] = Field(min_length=1, max_length=CLASSES_MAX)

    @model_validator(mode="after")
    def _last_names_all(self) -> "RetentionPolicy":
        if "*" not in self.classes[-1].actions:
            raise ValueError('the last class must name "*": every entry has a class')
        return self

    def class_of(self, action: str) -> RetentionClass:
        """The class of an action."""
        return next(each for each in self.classes if any(fnmatchcase(action, shape) for shape in each.actions))

    def is_over(self, action: str, occurred_at: int, now_ms: int) -> bool:
        """Whether an entry may go."""
        return occurred_at + self.class_of(action).days * _DAY_MS <= now_ms

    def youngest_to_prune(self, now_ms: int) -> int:
        """No entry after this instant may go, whatever its class."""
        return now_ms - min(each.days for each in self.classes) * _DAY_MS


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy and the digest of its file, which the log notes with every pruning."""

    policy: RetentionPolicy
    digest: bytes

    @property
    def names(self) -> Sequence[str]:
        """The names of its classes."""
        return [each.name for each in self.policy.classes]


def load_retention(path: Path) -> LoadedPolicy:
    """The checked policy in a file; raises ConfigurationError with the first fault."""
    try:
        with path.open("rb") as file:
            content = file.read(POLICY_BYTES_MAX + 1)
        if len(content) > POLICY_BYTES_MAX:
            raise ConfigurationError(f"{path} is too large for a policy", reason_code="RETENTION_INVALID")
        policy = RetentionPolicy.model_validate(yaml.safe_load(content))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", reason_code="RETENTION_UNREADABLE") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "top level"
        raise ConfigurationError(f"{path}: {place}: {first['msg']}", reason_code="RETENTION_INVALID") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not valid YAML", reason_code="RETENTION_INVALID") from error
    return LoadedPolicy(policy, sha256(content).digest())
