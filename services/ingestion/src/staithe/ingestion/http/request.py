"""Reads an upload request into a submission. The body is the document itself; its labels are query parameters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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
LARGE_UPLOADS_MAX: Final = 2
"""Documents over DOCUMENT_BYTES_MAX that are held in memory at a time, each three times while it is sealed."""
UPLOAD_SECONDS_MAX: Final = 120.0
"""32 MiB at 2.2 Mbit/s; who sends more slowly holds a place that others wait for."""


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


class Bodies:
    """Reads the bodies of uploads; few large ones at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LARGE_UPLOADS_MAX)

    @asynccontextmanager
    async def read(self, request: web.Request, bytes_max: int) -> AsyncIterator[bytes]:
        """The whole body, whose place is free again afterwards.

        Raises Problem 413 above `bytes_max`, 422 when it is empty and 408 when it takes over UPLOAD_SECONDS_MAX.
        """
        if (request.content_length or 0) > bytes_max:
            raise _too_large(bytes_max)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(UPLOAD_SECONDS_MAX):
                    content = await self._all_of(request, bytes_max, stack)
            except TimeoutError as error:
                raise Problem(408, "upload-too-slow", f"An upload may take {UPLOAD_SECONDS_MAX:.0f} s.") from error
            if not content:
                raise Problem(422, "document-empty", "The body is empty; send the document's bytes.")
            yield content

    async def _all_of(self, request: web.Request, bytes_max: int, stack: AsyncExitStack) -> bytes:
        content, has_place = bytearray(), False
        async for piece in request.content.iter_chunked(64 * 1024):
            content += piece
            if len(content) > bytes_max:
                raise _too_large(bytes_max)
            if len(content) > DOCUMENT_BYTES_MAX and not has_place:
                await stack.enter_async_context(self._places)
                has_place = True
        return bytes(content)


def _too_large(bytes_max: int) -> Problem:
    return Problem(413, "document-too-large", f"A document of this tenant may have at most {bytes_max} bytes.")


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
