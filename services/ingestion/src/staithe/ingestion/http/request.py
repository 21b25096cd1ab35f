"""Reads an upload request into a submission. The body is the document itself; its labels are query parameters."""

from datetime import datetime
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.identity.caller import Caller
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import DOCUMENT_BYTES_MAX, NAME_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX
from staithe.kernel.problems import Problem
from staithe.kernel.vocabulary import GROUPS_MAX, Access, Classification, DocumentId, Tier

SOURCE_DEFAULT: Final = "upload"


class UploadLabels(BaseModel):
    """The query parameters of an upload; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: Annotated[int, Field(ge=1, le=3)]
    classification: Classification
    groups: Annotated[tuple[str, ...], Field(max_length=GROUPS_MAX)] = ()
    name: Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)] = ""
    source: Annotated[str, Field(max_length=SOURCE_CHARACTERS_MAX)] = SOURCE_DEFAULT
    residency: Annotated[str, Field(pattern="^[a-z0-9]{1,16}$")] = "eu"
    retention_until: datetime | None = None
    version: Annotated[int, Field(ge=1, le=(1 << 53) - 1)] | None = None


def labels_of(request: web.Request) -> UploadLabels:
    """The labels in the query string; raises Problem 422 that names the first wrong parameter, never its value."""
    for name in request.query:
        if name != "groups" and len(request.query.getall(name)) > 1:
            raise Problem(422, "label-invalid", f"Query parameter '{name}' is given more than once.")
    given: dict[str, object] = {name: value for name, value in request.query.items() if name != "groups"}
    groups = [each for value in request.query.getall("groups", []) for each in value.split(",") if each]
    try:
        return UploadLabels.model_validate({**given, "groups": groups})
    except ValidationError as error:
        first = error.errors()[0]
        parameter = ".".join(map(str, first["loc"]))
        raise Problem(422, "label-invalid", f"Query parameter '{parameter}': {first['msg']}.") from error


async def body_of(request: web.Request) -> bytes:
    """The whole body; raises Problem 413 above DOCUMENT_BYTES_MAX and 422 when it is empty."""
    if (request.content_length or 0) > DOCUMENT_BYTES_MAX:
        raise _too_large()
    content = bytearray()
    async for piece in request.content.iter_chunked(64 * 1024):
        content += piece
        if len(content) > DOCUMENT_BYTES_MAX:
            raise _too_large()
    if not content:
        raise Problem(422, "document-empty", "The body is empty; send the document's bytes.")
    return bytes(content)


def _too_large() -> Problem:
    return Problem(413, "document-too-large", f"A document may have at most {DOCUMENT_BYTES_MAX} bytes.")


def submission(
    caller: Caller, document: DocumentId, labels: UploadLabels, *, content_type: str, content: bytes, now_ms: int
) -> DocumentSubmitted:
    """The event for an upload, in the caller's own tenant; the body can't name another."""
    until = labels.retention_until
    return DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=caller.tenant_id, document_id=document,
        document_version=labels.version or now_ms, occurred_at=now_ms,
        access=Access(Tier(labels.tier), labels.groups, labels.classification),
        retention_until=int(until.timestamp() * 1000) if until else None, residency=labels.residency,
        source=labels.source, name=labels.name, content_type=content_type, content=content,
    )  # fmt: skip
