"""Shapes that several answers share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Nothing is guessed: unknown members and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Span(Strict):
    """Characters (Unicode code points) of the document's sanitized text, end exclusive."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class ExplainedChunk(Strict):
    """How a chunk came to its place; ranks count from 1 among what the caller may see."""

    document_id: str
    document_version: int
    chunk_id: str
    span: Span
    meaning_rank: int | None = Field(description="By likeness of question and chunk; null: not among the nearest.")
    meaning_score: float = Field(description="Cosine similarity.")
    words_rank: int | None = Field(description="By shared words; null: not found by words.")
    words_score: float | None = Field(
        description="Part of the question's words, by weight, that the chunk has, 0 to 1; null: not found by words."
    )
    fused_score: float = Field(description="What the order is by: the cosine, and a part of the words' score.")
    cited: bool | None = Field(description="Whether the answer quotes it; null in a search.")


class Explanation(Strict):
    """How what was found was found; nothing in it tells of documents that the caller may not see."""

    retrieval: Literal["hybrid", "dense"] = Field(description="dense: this index is not searched by words.")
    chunks: list[ExplainedChunk] = Field(description="What was considered, best first.")
    superseded: int = Field(description="Candidates of older versions of documents the caller may see.")
    crowded_out: int = Field(description="Chunks whose document had enough better ones.")
    broken: int = Field(description="Chunks that did not open as what they claim to be.")
    support_min: float | None = Field(description="Below this support there is no answer; null in a search.")
