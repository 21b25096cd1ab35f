"""The API as one table: routes and OpenAPI document are both made from it, so they cannot disagree."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from staithe.query.http import models
from staithe.query.policy import SCOPE_ERASE, SCOPE_READ, SCOPE_SEARCH

TEXT: Final = "text/plain"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
VERSION_HEADER: Final = "Document-Version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path. `name` is the operationId and the handler's name; `response` None means plain text."""

    name: str
    method: str
    path: str
    scope: str
    summary: str
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    success: int = 200


OPERATIONS: Final = (
    Operation(
        name="search", method="POST", path="/v1/search", scope=SCOPE_SEARCH,
        summary="Find the chunks nearest to a question among the documents the caller may see.",
        request=models.SearchRequest, response=models.SearchResponse,
    ),
    Operation(
        name="answer", method="POST", path="/v1/answers", scope=SCOPE_SEARCH,
        summary="Answer a question with verbatim quotations and where they stand, or admit not to know.",
        request=models.AnswerRequest, response=models.AnswerResponse,
    ),
    Operation(
        name="document", method="GET", path="/v1/documents/{document_id}", scope=SCOPE_READ,
        summary="What holds for a document now.", response=models.DocumentResponse,
    ),
    Operation(
        name="content", method="GET", path="/v1/documents/{document_id}/content", scope=SCOPE_READ,
        summary="The document's sanitized text; the spans of citations count its characters.",
    ),
    Operation(
        name="erase", method="DELETE", path="/v1/documents/{document_id}", scope=SCOPE_ERASE,
        summary="Erase a document from answers and index.", response=models.ErasureResponse, success=202,
    ),
)  # fmt: skip

_REFUSALS: Final = {
    400: "The request is not well-formed HTTP, JSON or UTF-8.",
    401: "No token, or one that is not valid here and now.",
    403: "The token lacks the scope.",
    404: "Absent, or not for this caller: the two look the same.",
    406: "The Accept header excludes the answer's media type.",
    413: "The body is too large.",
    415: "The body is not application/json in UTF-8.",
    422: "A field is missing, unknown or not acceptable.",
    429: "Too many requests are under way; see Retry-After.",
    500: "The request could not be served.",
    503: "Not ready, overloaded, or a dependency cannot answer now; see Retry-After.",
}
_FOR_BODIES: Final = frozenset({413, 415, 422})


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the API."""
    shown: list[type[BaseModel]] = [models.ProblemDocument]
    for operation in OPERATIONS:
        shown += [each for each in (operation.request, operation.response) if each is not None]
    _, schemas = models_json_schema(
        [(each, "validation") for each in shown], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Staithe query API", "version": "1.0.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Search and cited answers inside the caller's tenant, tier and groups.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }  # fmt: skip


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name, "summary": operation.summary,
        "description": f"Needs a token with the scope `{operation.scope}`.",
        "responses": {str(operation.success): _success(operation)} | _problems(operation),
    }  # fmt: skip
    if "{document_id}" in operation.path:
        described["parameters"] = [
            {"name": "document_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        ]
    if operation.request is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(operation.request)}}}
    return described


def _success(operation: Operation) -> dict[str, Any]:
    if operation.response is None:
        header = {"schema": {"type": "integer"}, "description": "The version this is the text of."}
        return {
            "description": "The text.", "headers": {VERSION_HEADER: header},
            "content": {TEXT: {"schema": {"type": "string"}}},
        }  # fmt: skip
    success: dict[str, Any] = {
        "description": (operation.response.__doc__ or "").strip(),
        "content": {JSON: {"schema": _reference(operation.response)}},
    }
    if operation.success == 202:
        success["headers"] = {"Location": {"schema": {"type": "string"}, "description": "The document."}}
    return success


def _problems(operation: Operation) -> dict[str, Any]:
    excluded = set() if operation.request is not None else _FOR_BODIES
    if "{document_id}" not in operation.path:
        excluded = excluded | {404}
    content = {PROBLEM: {"schema": _reference(models.ProblemDocument)}}
    return {
        str(status): {"description": meaning, "content": content}
        for status, meaning in _REFUSALS.items()
        if status not in excluded
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
