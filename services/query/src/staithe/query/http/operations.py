"""The API as one table: routes and OpenAPI document are both made from it, so they cannot disagree."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from staithe.query.http import chat_models, models
from staithe.query.policy import SCOPE_AUDIT, SCOPE_ERASE, SCOPE_READ, SCOPE_SEARCH

VERSION_HEADER: Final = "Document-Version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path. `name` is the operationId and the handler's name; `response` None means plain text.

    `events` says what comes as a stream of events where the caller wants one; `absent` that 404 is an answer;
    `late` that 409 is one, too: come back;
    `rpc` that its messages are JSON-RPC 2.0, whose errors come with 200, 400 or 404 and whose notifications get 202.
    """

    name: str
    method: str
    path: str
    scope: str
    summary: str
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    success: int = 200
    events: str = ""
    absent: bool = False
    rpc: bool = False
    late: bool = False


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
        events=(
            "`status` events (StatusEvent) while nothing is known, a `sentence` event (SentenceEvent) for each "
            "sentence, then `done` with the same JSON as without streaming (AnswerResponse), or `error` with a "
            "problem document."
        ),
    ),
    Operation(
        name="document", method="GET", path="/v1/documents/{document_id}", scope=SCOPE_READ,
        summary="What holds for a document now.", absent=True, response=models.DocumentResponse,
    ),
    Operation(
        name="content", method="GET", path="/v1/documents/{document_id}/content", scope=SCOPE_READ,
        summary="The document's sanitized text; the spans of citations count its characters.", absent=True,
    ),
    Operation(
        name="erase", method="DELETE", path="/v1/documents/{document_id}", scope=SCOPE_ERASE,
        summary="Erase a document from answers and index.", response=models.ErasureResponse, success=202,
        absent=True,
    ),
    Operation(
        name="erasure", method="GET", path="/v1/documents/{document_id}/erasure", scope=SCOPE_ERASE,
        summary="The receipt of a document's erasure.", absent=True, response=models.ErasureReceipt,
    ),
    Operation(
        name="evidence", method="GET", path="/v1/evidence/{answer_id}", scope=f"{SCOPE_SEARCH}` or `{SCOPE_AUDIT}",
        summary="The evidence of an answer: for the caller who got it, or with the scope `audit` for the whole tenant.",
        response=models.EvidenceResponse, absent=True, late=True,
    ),
    Operation(
        name="complete_chat", method="POST", path="/v1/chat/completions", scope=SCOPE_SEARCH,
        summary="Answer the last message of a conversation, for clients of OpenAI's API.", absent=True,
        request=chat_models.ChatRequest, response=chat_models.ChatCompletion,
        events="With `stream: true`: chunks (ChatCompletionChunk) in `data` lines, then `[DONE]`.",
    ),
    Operation(
        name="list_models", method="GET", path="/v1/models", scope=SCOPE_SEARCH,
        summary="The ways to answer, for clients of OpenAI's API.", response=chat_models.ModelList,
    ),
    Operation(
        name="get_model", method="GET", path="/v1/models/{model}", scope=SCOPE_SEARCH,
        summary="One way to answer.", response=chat_models.ModelEntry, absent=True,
    ),
    Operation(
        name="post_message", method="POST", path="/mcp", scope=f"{SCOPE_SEARCH}` or `{SCOPE_READ}",
        summary="A message of the Model Context Protocol (streamable HTTP, no sessions): tools search, answer, fetch.",
        request=models.RpcMessage, response=models.RpcReply, absent=True, rpc=True,
    ),
)  # fmt: skip
