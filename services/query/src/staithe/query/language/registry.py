"""The registry of language-model providers: what an operator has agreed with each. Nobody else is ever asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Classification, Tier
from staithe.query.policy import Terms


class Provider(BaseModel):
    """One provider. There is no value for training on what is sent, and none for sending tier 3."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    url: str = Field(
        pattern=r"^(?:https://[^\s/@?#]+|http://127\.0\.0\.1:\d{1,5})(?:/[^\s?#]*)?/v1$",
        description="Base URL of an OpenAI API.",
    )
    model: str = Field(min_length=1, max_length=128)
    training: Literal[False]
    retention_days: Annotated[int, Field(ge=0, le=30)]
    agreement: str = Field(min_length=1, max_length=512, description="Where the contract is that says so.")
    residencies: tuple[str, ...] = Field(min_length=1, description="Residencies of documents that may be sent.")
    tiers: tuple[Annotated[int, Field(ge=1, le=2)], ...] = Field(min_length=1)
    classifications: tuple[Classification, ...] = (Classification.PUBLIC, Classification.INTERNAL)
    ca_file: Path | None = Field(default=None, description="Authority of the provider's certificate, if a private one.")

    @property
    def terms(self) -> Terms:
        """What may be sent to it."""
        return Terms(
            tiers=frozenset(Tier(each) for each in self.tiers), residencies=frozenset(self.residencies),
            classifications=frozenset(self.classifications),
        )  # fmt: skip


class _Registry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    providers: list[Provider]


def load_provider(path: Path, name: str) -> Provider:
    """The provider `name`; raises ConfigurationError when the registry does not have it or is not well-formed."""
    try:
        registry = _Registry.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        places = "; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"{path}: {places}", reason_code="PROVIDERS_INVALID") from error
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML", reason_code="PROVIDERS_INVALID") from error
    for provider in registry.providers:
        if provider.name == name:
            return provider
    raise ConfigurationError(
        f"{path} has no provider '{name}': add it with the terms you agreed on", reason_code="PROVIDER_UNKNOWN"
    )


def _place(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location)) or "the file"
