"""The OpenAPI 3.1 document, made from the table of operations and the models that the handlers use."""

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from staithe.query.http import chat_models, models
from staithe.query.http.accept import EVENTS, JSON, PROBLEM, TEXT
from staithe.query.http.operations import OPERATIONS, VERSION_HEADER, Operation
from staithe.query.http.rates import LEFT_HEADER, POLICY_HEADER

_REFUSALS: Final = {
    400: "The request is not well-formed HTTP, JSON or UTF-8.",
    401: "No token, or one that is not valid here and now.",
    403: "The token lacks the scope.",
    404: "Absent, or not for this caller: the two look the same.",
    409: "Not complete yet; see Retry-After.",
    406: "The Accept header excludes the answer's media type.",
    413: "The body is too large.",
    415: "The body is not application/json in UTF-8.",
    422: "A field is missing, unknown or not acceptable.",
    429: "The quota is used up, or too many requests are under way; see Retry-After.",
    500: "The request could not be served.",
    503: "Not ready, overloaded, or a dependency cannot answer now; see Retry-After.",
}
_PARAMETER: Final = re.compile(r"{(\w+)}")
_FOR_BODIES: Final = frozenset({413, 415, 422})


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the API."""
    shown: list[type[BaseModel]] = [
        models.ProblemDocument, models.StatusEvent, models.SentenceEvent, chat_models.ChatCompletionChunk,
    ]  # fmt: skip
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


_RATE_HEADERS: Final = {
    POLICY_HEADER: {"schema": {"type": "string"}, "description": "The quota and its window in seconds."},
    LEFT_HEADER: {"schema": {"type": "string"}, "description": "Requests left; seconds until the quota is whole."},
}


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name, "summary": operation.summary,
        "description": f"Needs a token with the scope `{operation.scope}`.",
        "responses": {str(operation.success): _success(operation)} | _problems(operation),
    }  # fmt: skip
    if parameter := _PARAMETER.search(operation.path):
        schema = {"type": "string", "minLength": 1}
        described["parameters"] = [{"name": parameter[1], "in": "path", "required": True, "schema": schema}]
    if operation.request is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(operation.request)}}}
    return described


def _success(operation: Operation) -> dict[str, Any]:
    if operation.response is None:
        header = {"schema": {"type": "integer"}, "description": "The version this is the text of."}
        return {
            "description": "The text.", "headers": {VERSION_HEADER: header, **_RATE_HEADERS},
            "content": {TEXT: {"schema": {"type": "string"}}},
        }  # fmt: skip
    success: dict[str, Any] = {
        "description": (operation.response.__doc__ or "").strip(),
        "headers": dict(_RATE_HEADERS),
        "content": {JSON: {"schema": _reference(operation.response)}},
    }
    if operation.events:
        success["description"] += f" As events: {operation.events}"
        success["content"][EVENTS] = {"schema": {"type": "string"}}
    if operation.success == 202:
        success["headers"]["Location"] = {"schema": {"type": "string"}, "description": "The document."}
    return success


def _problems(operation: Operation) -> dict[str, Any]:
    excluded = set() if operation.request is not None else _FOR_BODIES
    if not operation.absent:
        excluded = excluded | {404}
    if not operation.late:
        excluded = excluded | {409}
    content = {PROBLEM: {"schema": _reference(models.ProblemDocument)}}
    problems = {
        str(status): {"description": meaning, "content": content}
        for status, meaning in _REFUSALS.items()
        if status not in excluded
    }
    if operation.rpc:
        error = {"description": "A JSON-RPC error.", "content": {JSON: {"schema": _reference(models.RpcReply)}}}
        problems |= {"202": {"description": "A notification was taken."}, "400": error, "404": error}
        del problems["422"]
    return problems


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
