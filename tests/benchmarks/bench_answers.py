"""Measures retrieval and answers on the labelled sample questions; needs the model, no stack.

    python tests/benchmarks/bench_answers.py [--half dev|held|all] [--show]

Questions are split by the parity of their position, kind by kind: weights and thresholds are chosen on `dev` only.
The index is a matrix in memory (exact search), ranking, sentences and choice are the query service's own code.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from staithe.ingestion.parsers.parse import parse_document
from staithe.kernel.content import Readable
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier
from staithe.query import limits
from staithe.query.answer import Answer, candidates, compose, shortlist
from staithe.query.clip import ClippingEncoder
from staithe.query.stage import Found, passages
from staithe.vectors.chunks import ChunkLimits, chunk_id, chunk_text
from staithe.vectors.clip import under_title
from staithe.vectors.model.encoder import load_encoder
from staithe.vectors.model.files import default_cache_dir, model_paths
from staithe.vectors.store.rows import Hit

SAMPLES: Final = Path(__file__).parents[2] / "samples"
HITS: Final = 5


@dataclass(frozen=True)
class Corpus:
    """Every chunk of every sample document, and the matrix of their vectors."""

    texts: list[str]
    hits: list[Hit]
    matrix: np.ndarray[Any, np.dtype[np.float32]]


def load_corpus(encoder: ClippingEncoder, tokenizer: Any) -> Corpus:
    """Parse, chunk and encode the documents of the manifest."""
    manifest = yaml.safe_load((SAMPLES / "manifest.yaml").read_text())
    texts, hits, vectors = [], [], []
    for entry in manifest["documents"]:
        parsed = parse_document((SAMPLES / entry["path"]).read_bytes(), entry["content_type"])
        title = parsed.title or Path(entry["path"]).name  # as ingestion does
        access = Access(Tier(entry["tier"]), tuple(entry["groups"]), Classification(entry["classification"]))
        tenant, document = TenantId(entry["tenant_id"]), DocumentId(entry["document_id"])
        for chunk in chunk_text(parsed.text, tokenizer, ChunkLimits()):
            texts.append(Readable(Path(entry["path"]).name, title, chunk.text))
            vectors.append(encoder.encode(under_title(title, chunk.text, tokenizer)))
            hit = Hit(
                chunk_id=chunk_id(tenant, document, 1, chunk.ordinal), tenant_id=tenant, document_id=document,
                document_version=1, ordinal=chunk.ordinal, access=access, sealed_text=b"",
                text_sha256=hashlib.sha256(chunk.text.encode()).digest(), span_start=chunk.span_start,
                span_end=chunk.span_end, model_digest=encoder.model_digest, retention_until=None, score=0.0,
            )  # fmt: skip
            hits.append(hit)
    return Corpus(texts, hits, np.stack(vectors))


def retrieve(corpus: Corpus, caller: Caller, vector: Any, limit: int) -> list[Found]:
    """The nearest permitted chunks by exact search, at most some of each document."""
    scores = corpus.matrix @ vector
    found: list[Found] = []
    seen: dict[str, int] = {}
    for index in np.argsort(-scores):
        hit = corpus.hits[index]
        if len(found) == limit:
            break
        if caller.may_see(hit.tenant_id, hit.access) and seen.get(hit.document_id, 0) < limits.RESULTS_PER_DOCUMENT_MAX:
            seen[hit.document_id] = seen.get(hit.document_id, 0) + 1
            fields = {name: getattr(hit, name) for name in Hit.__dataclass_fields__}
            found.append(Found(Hit(**{**fields, "score": float(scores[index])}), corpus.texts[index]))
    return found


def ask(corpus: Corpus, encoder: ClippingEncoder, question: Mapping[str, Any]) -> tuple[list[str], Answer, float]:
    """Distinct documents in order, the answer, and the seconds it took."""
    caller = Caller(
        "bench", TenantId(question["tenant_id"]), Tier(question["tier"]), frozenset(question["groups"]), frozenset()
    )
    begin = time.perf_counter()
    vector = encoder.encode(question["question"])
    found = retrieve(corpus, caller, vector, limits.ANSWER_PASSAGES_MAX)
    ranked = candidates(question["question"], passages(found))
    listed = shortlist(question["question"], vector, ranked, [encoder.encode(each.quote) for each in ranked])
    answer = compose(vector, listed, [encoder.encode(each.candidate.context_text) for each in listed])
    seconds = time.perf_counter() - begin
    return list(dict.fromkeys(each.hit.document_id for each in found)), answer, seconds


def report(
    name: str, corpus: Corpus, encoder: ClippingEncoder, chosen: Mapping[str, Sequence[Any]], show: bool
) -> None:
    """Print one line of figures for a set of questions."""
    hits = reciprocal = contains = answered = right_source = 0.0
    supports, refused_supports, seconds = [], [], []
    answerable, silent = chosen["questions"], [*chosen["unanswerable"], *chosen["forbidden"]]
    for each in answerable:
        documents, answer, took = ask(corpus, encoder, each)
        ranks = [index for index, document in enumerate(documents) if document in each["expected_documents"]]
        hits += bool(ranks) and ranks[0] < HITS
        reciprocal += 1 / (ranks[0] + 1) if ranks else 0
        good = each["answer_contains"] in " ".join(" ".join(c.quote for c in answer.citations).split())
        contains += good
        answered += answer.answered
        right_source += bool(answer.citations) and answer.citations[0].chunk.document_id in each["expected_documents"]
        supports.append(answer.support)
        seconds.append(took)
        if show and not good:
            sys.stdout.write(
                f"  MISS {each['id']} {answer.support:.3f} want={each['answer_contains']!r} {documents[:3]}\n"
            )
            sys.stdout.write(f"       q={each['question']}\n       a={answer.text[:300]}\n")
    refused = 0
    for each in silent:
        _, answer, _ = ask(corpus, encoder, each)
        refused += not answer.answered
        refused_supports.append(answer.support)
        if each.get("must_not_contain") and each["must_not_contain"] in answer.text:
            raise SystemExit(f"LEAK: {each['id']}")
        if show:
            sys.stdout.write(f"  SILENT {each['id']} {answer.support:.3f} {answer.text[:140]}\n")
    count = len(answerable)
    sys.stdout.write(
        f"{name}: {count} answerable, hit@{HITS} {hits / count:.3f}, MRR {reciprocal / count:.3f}, "
        f"answer_contains {contains / count:.3f}, first citation from an expected document {right_source / count:.3f}, "
        f"answered {answered / count:.3f}; {len(silent)} not answerable here, refused {refused / len(silent):.3f}; "
        f"support answerable p10 {np.percentile(supports, 10):.3f} median {np.median(supports):.3f}, "
        f"others max {max(refused_supports):.3f}; p50 {np.median(seconds) * 1000:.0f} ms, "
        f"max {max(seconds) * 1000:.0f} ms\n"
    )


def main() -> int:
    """Run the benchmark; 0 when it ran."""
    parser = argparse.ArgumentParser(description="Retrieval and answers on the sample questions, no stack.")
    parser.add_argument("--half", choices=("dev", "held", "all"), default="all")
    parser.add_argument("--show", action="store_true", help="print each miss")
    parser.add_argument("--cache", type=Path, default=default_cache_dir(), help="cache folder with the prepared model")
    arguments = parser.parse_args()
    loaded = load_encoder(model_paths(arguments.cache))
    encoder = ClippingEncoder(loaded)
    corpus = load_corpus(encoder, loaded.tokenizer)
    sys.stdout.write(f"{len({each.document_id for each in corpus.hits})} documents, {len(corpus.hits)} chunks\n")
    questions = yaml.safe_load((SAMPLES / "questions.yaml").read_text())
    for name, first in (("dev", 0), ("held", 1)):
        if arguments.half in (name, "all"):
            half = {kind: questions[kind][first::2] for kind in ("questions", "unanswerable", "forbidden")}
            report(name, corpus, encoder, half, arguments.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
