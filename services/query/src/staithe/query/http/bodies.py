"""Reads request bodies strictly and words their faults: where and what, never the value."""

import json
from typing import Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from staithe.kernel.problems import Problem
from staithe.query.limits import REQUEST_BYTES_MAX

Model = TypeVar("Model", bound=BaseModel)

FAULTS_MAX: Final = 16
"""Faults named in one answer; a body with more needs a look at the documentation, not a list."""
POINTER_CHARACTERS_MAX: Final = 128


class InvalidBody(Problem):
    """422 with a list of the fields that are wrong."""

    def __init__(self, faults: list[dict[str, str]]) -> None:
        super().__init__(422, "invalid-body", "The body does not have the documented form; see `errors`.")
        self.faults = faults

    def response(self, request_id: str) -> web.Response:
        plain = super().response(request_id)
        body = {**json.loads(plain.body), "errors": self.faults}  # type: ignore[arg-type]
        plain.body = json.dumps(body).encode()
        return plain


async def read_body(request: web.Request, model: type[Model], *, bytes_max: int = REQUEST_BYTES_MAX) -> Model:
    """The request's JSON body as `model`; raises Problem 400, 413, 415 or 422."""
    require_json(request)
    try:
        return model.model_validate_json(await read_bytes(request, bytes_max), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        if any(each["type"] == "json_invalid" for each in faults):
            raise Problem(400, "invalid-json", "The body is not valid JSON in UTF-8 (RFC 8259).") from None
        raise InvalidBody([fault(each["loc"], each["msg"]) for each in faults[:FAULTS_MAX]]) from None


def require_json(request: web.Request) -> None:
    """Return when the request says that its body is JSON as it is; raise Problem 415 otherwise."""
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in {"utf-8", "utf8"}:
        raise Problem(415, "content-type", "Send `Content-Type: application/json` in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "content-encoding", "Send the body without Content-Encoding.")


async def read_bytes(request: web.Request, bytes_max: int = REQUEST_BYTES_MAX) -> bytes:
    """The whole body; raises Problem 413."""
    too_large = Problem(413, "body-too-large", f"A body has at most {bytes_max} bytes here.")
    if request.content_length is not None and request.content_length > bytes_max:
        raise too_large
    body = bytearray()
    async for piece in request.content.iter_chunked(REQUEST_BYTES_MAX):
        body += piece
        if len(body) > bytes_max:
            raise too_large
    return bytes(body)


def fault(location: tuple[int | str, ...], message: str) -> dict[str, str]:
    """What is wrong at a place of the body, as `errors` lists it; `message` must not quote the value."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in location)
    pointer = "".join(f"/{step}" for step in steps)[:POINTER_CHARACTERS_MAX]
    return {"pointer": f"#{pointer}", "detail": message}
