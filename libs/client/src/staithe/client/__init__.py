"""A typed client of Staithe's HTTPS APIs, for blocking and for asynchronous programs.

    from staithe.client import Client

    with Client("https://query.example.com", token=token) as staithe:
        answer = staithe.ask("How many days of annual leave do we have?")
        for citation in answer.citations:
            print(citation.document_id, citation.quote)

It needs nothing of Staithe but an address and a token, and imports no other part of it.
"""

from staithe.client.asynchronous import AsyncClient
from staithe.client.blocking import Client
from staithe.client.models import (
    Accepted,
    Answer,
    Citation,
    Document,
    Erasing,
    ErasureReceipt,
    ExplainedChunk,
    Explanation,
    Found,
    Sentence,
    SentenceTold,
    Span,
    State,
    Text,
)
from staithe.client.models import Result as SearchResult
from staithe.client.problems import (
    Conflict,
    Forbidden,
    NotFound,
    Problem,
    Refused,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)

__all__ = [
    "Accepted",
    "Answer",
    "AsyncClient",
    "Citation",
    "Client",
    "Conflict",
    "Document",
    "Erasing",
    "ErasureReceipt",
    "ExplainedChunk",
    "Explanation",
    "Forbidden",
    "Found",
    "NotFound",
    "Problem",
    "Refused",
    "SearchResult",
    "Sentence",
    "SentenceTold",
    "Span",
    "State",
    "Text",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
]
