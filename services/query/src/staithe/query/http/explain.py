"""What `explain` tells: how each chunk came to its place, and counts of what the caller may see and was left out."""

from collections.abc import Collection

from staithe.query.answer import SUPPORT_MIN, Answer
from staithe.query.http.shapes import ExplainedChunk, Explanation, Span
from staithe.query.retrieval import Found, Retrieved


def explain_search(retrieved: Retrieved) -> Explanation:
    """Of a search."""
    return _explanation(retrieved, [_chunk(each, None) for each in retrieved.results], None)


def explain_answer(retrieved: Retrieved, answer: Answer) -> Explanation:
    """Of an answer: what was considered, and what of it is quoted."""
    cited = {source.chunk_id for each in answer.citations for source in each.sources}
    return _explanation(retrieved, [_chunk(each, cited) for each in retrieved.results], SUPPORT_MIN)


def _explanation(retrieved: Retrieved, chunks: list[ExplainedChunk], support_min: float | None) -> Explanation:
    return Explanation(
        retrieval="hybrid" if retrieved.hybrid else "dense", chunks=chunks, superseded=retrieved.superseded,
        crowded_out=retrieved.crowded_out, broken=len(retrieved.broken), support_min=support_min,
    )  # fmt: skip


def _chunk(found: Found, cited: Collection[str] | None) -> ExplainedChunk:
    hit, standing = found.hit, found.standing
    return ExplainedChunk(
        document_id=hit.document_id, document_version=hit.document_version, chunk_id=hit.chunk_id,
        span=Span(start=hit.span_start, end=hit.span_end),
        meaning_rank=standing.meaning_rank, meaning_score=round(hit.score, 6), words_rank=standing.words_rank,
        words_score=None if standing.words_score is None else round(standing.words_score, 4),
        fused_score=round(standing.fused_score, 6), cited=None if cited is None else hit.chunk_id in cited,
    )  # fmt: skip
