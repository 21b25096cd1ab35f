"""The client's models hold every member that the API's description promises, and nothing that it does not."""

import pytest
from pydantic import BaseModel

from staithe.client import models
from staithe.query.http.openapi import openapi_document

SCHEMAS = openapi_document()["components"]["schemas"]
PAIRS: dict[str, type[BaseModel]] = {
    "AnswerResponse": models.Answer, "AnswerCitation": models.Citation, "AnswerSentence": models.Sentence,
    "Span": models.Span, "SearchResponse": models.Found, "SearchResult": models.Result,
    "DocumentResponse": models.Document, "SentenceEvent": models.SentenceTold, "ErasureResponse": models.Erasing,
    "ErasureReceipt": models.ErasureReceipt, "Explanation": models.Explanation,
    "ExplainedChunk": models.ExplainedChunk,
}  # fmt: skip
OWN = {"body"}
"""What the client adds: the answer's bytes."""


@pytest.mark.parametrize("name", PAIRS)
def test_model_has_the_members_of_the_description(name: str) -> None:
    described = set(SCHEMAS[name]["properties"]) if name in SCHEMAS else set(_streamed(name))
    assert set(PAIRS[name].model_fields) - OWN == described


def _streamed(name: str) -> dict[str, object]:
    """Members of what only comes in a stream, from the very class."""
    from staithe.query.http import models as told  # noqa: PLC0415

    members: dict[str, object] = getattr(told, name).model_json_schema()["properties"]
    return members


def test_members_that_a_later_service_adds_do_no_harm() -> None:
    assert models.Span.model_validate({"start": 1, "end": 2, "later": 3}) == models.Span(start=1, end=2)
