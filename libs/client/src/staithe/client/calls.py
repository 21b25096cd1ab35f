"""Each operation as a value: what to send and how to read the answer. Pure; both clients send the same."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from staithe.client import models
from staithe.client.problems import Unreachable

Told = TypeVar("Told")
QUERY: Final = "query"
UPLOADS: Final = "uploads"


@dataclass(frozen=True, slots=True)
class Received:
    """An answer's bytes and headers."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call(Generic[Told]):
    """One request to one of the two services. `repeatable` means that sending it twice does no harm."""

    method: str
    path: str
    read: Callable[[Received], Told]
    service: str = QUERY
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    repeatable: bool = True


def ask(question: str, mode: str, explain: bool = False) -> Call[models.Answer]:
    """An answer, whole."""
    asked: dict[str, Any] = {"question": question, "mode": mode} | ({"explain": True} if explain else {})
    return Call("POST", "/v1/answers", read_answer, **_json(asked))


def read_answer(received: Received) -> models.Answer:
    """The answer and its very bytes."""
    return _read(models.Answer, received).model_copy(update={"body": received.body})


def find(question: str, limit: int, explain: bool = False) -> Call[models.Found]:
    """The nearest chunks."""
    asked: dict[str, Any] = {"question": question, "limit": limit} | ({"explain": True} if explain else {})
    return Call("POST", "/v1/search", lambda received: _read(models.Found, received), **_json(asked))


def document(document_id: str) -> Call[models.Document]:
    """What holds for a document."""
    return Call("GET", _document(document_id), lambda received: _read(models.Document, received))


def content(document_id: str) -> Call[models.Text]:
    """A document's sanitized text."""

    def read(received: Received) -> models.Text:
        try:
            version = int(received.headers["Document-Version"])
            return models.Text(document_version=version, text=received.body.decode())
        except (KeyError, ValueError) as error:
            raise _nonsense() from error

    return Call("GET", f"{_document(document_id)}/content", read)


def erase(document_id: str) -> Call[models.Erasing]:
    """Erasure of a document and all its versions."""
    return Call(
        "DELETE", _document(document_id), lambda received: _read(models.Erasing, received), repeatable=False
    )  # fmt: skip


def erasure(document_id: str) -> Call[models.ErasureReceipt]:
    """The receipt."""
    return Call("GET", f"{_document(document_id)}/erasure", lambda received: _read(models.ErasureReceipt, received))


def evidence(answer_id: str) -> Call[bytes]:
    """The evidence of an answer, as it is: `staithe audit verify` and the page without Staithe take these bytes."""
    return Call("GET", f"/v1/evidence/{quote(answer_id, safe='')}", lambda received: received.body)


def publish(
    document_id: str, content_bytes: bytes, *, content_type: str, tier: int, classification: str,
    groups: tuple[str, ...], name: str, source: str, residency: str, retention_until: datetime | None,
    version: int | None,
) -> Call[models.Accepted]:  # fmt: skip
    """An upload; the same id again is a new version."""
    params = {
        "tier": str(tier), "classification": classification, "groups": ",".join(groups), "name": name,
        "source": source, "residency": residency, "version": str(version) if version is not None else "",
        "retention_until": retention_until.astimezone(UTC).isoformat() if retention_until else "",
    }  # fmt: skip
    return Call(
        "PUT", _document(document_id), lambda received: _read(models.Accepted, received), service=UPLOADS,
        params={each: value for each, value in params.items() if value}, headers={"Content-Type": content_type},
        # Without a version of its own, sending it again would make another version.
        content=content_bytes, repeatable=version is not None,
    )  # fmt: skip


def state(document_id: str) -> Call[models.State]:
    """Where the newest version is."""
    return Call(
        "GET", f"{_document(document_id)}/status", lambda received: _read(models.State, received), service=UPLOADS
    )


def _document(document_id: str) -> str:
    return f"/v1/documents/{quote(document_id, safe='')}"


def _json(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}


Model = TypeVar("Model", bound=BaseModel)


def _read(model: type[Model], received: Received) -> Model:
    try:
        return model.model_validate_json(received.body)
    except ValueError as error:
        raise _nonsense() from error


def _nonsense() -> Unreachable:
    return Unreachable(
        0, "unexpected-answer", "What answered is not Staithe, or a version that this client is too old for."
    )
