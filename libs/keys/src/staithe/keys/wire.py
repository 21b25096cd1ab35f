"""Requests and answers of the key service, as both sides read them: JSON over TLS with client certificates."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from staithe.keys.limits import KEYS_PER_REQUEST_MAX

UNKNOWN_TENANT = "TENANT_UNKNOWN"
ERASED = "DOCUMENT_ERASED"
UNKNOWN_KEY = "KEY_UNKNOWN"

Id = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
Hex = Annotated[str, Field(pattern="^(?:[0-9a-f]{2})+$", max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Version(_Strict):
    """One version of one document; 0 stands for what is known of the document without a version."""

    tenant_id: Id
    document_id: Id
    document_version: Number


class KeyName(Version):
    """A key, and the version that it must belong to."""

    key_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class PublicKeysWanted(_Strict):
    """Keys to seal with, for one purpose."""

    purpose: Id
    versions: Annotated[tuple[Version, ...], Field(min_length=1, max_length=KEYS_PER_REQUEST_MAX)]


class PublicKey(_Strict):
    """A key to seal with, or why there is none."""

    key_id: Hex | None = None
    public_key: Hex | None = None
    refused: str | None = None


class PublicKeys(_Strict):
    """In the order of the request."""

    keys: tuple[PublicKey, ...]


class PrivateKeysWanted(_Strict):
    """Keys to open with, for one purpose."""

    purpose: Id
    keys: Annotated[tuple[KeyName, ...], Field(min_length=1, max_length=KEYS_PER_REQUEST_MAX)]


class PrivateKey(_Strict):
    """A key to open with, or why there is none."""

    private_key: Hex | None = None
    refused: str | None = None


class PrivateKeys(_Strict):
    """In the order of the request."""

    keys: tuple[PrivateKey, ...]


class TermKeyWanted(_Strict):
    """The key of a tenant's blind index."""

    tenant_id: Id


class TermKey(_Strict):
    """It, or why there is none."""

    term_key: Hex | None = None
    refused: str | None = None


class Shredded(_Strict):
    """Every secret of a document up to `document_version` is gone; `secrets` were destroyed at `shredded_at` (ms)."""

    document_version: Number
    shredded_at: Number
    secrets: Number
    event_id: str


class TenantWanted(_Strict):
    """A tenant to set up, or whose key to rotate."""

    tenant_id: Id


class TenantMade(_Strict):
    """Whether the tenant's key was made now."""

    tenant_id: Id
    made: bool


class Rotated(_Strict):
    """The tenant's key is `key_version`, `secrets` were wrapped anew, and older versions of it are destroyed."""

    key_version: Number
    secrets: Number
