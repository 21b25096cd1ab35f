"""Measures retrieval by meaning, by words and by both on labelled questions; needs the model, no stack.

    python tests/benchmarks/bench_retrieval.py [--folder BEIR-OR-TREC-FOLDER …] [--answers] [--show]

Ranking, fusion, sentences and choice are the query service's own code over an exact index in memory. `--answers` also
answers the samples' questions; they are split by the parity of their position: what is chosen by looking is chosen on
`dev` only.
"""

import argparse
import asyncio
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402
from labelled import Labelled, Question, folder, samples  # noqa: E402
from memory_index import MemoryIndex, stage_over  # noqa: E402
from report import Section, Table, show  # noqa: E402
from rich.console import Console  # noqa: E402

from staithe.query.fusion import Ranked, fuse  # noqa: E402
from staithe.query.limits import RESULTS_MAX  # noqa: E402
from staithe.query.stage import QueryStage  # noqa: E402
from staithe.vectors.model.encoder import Encoder, load_encoder  # noqa: E402
from staithe.vectors.model.files import default_cache_dir, model_paths  # noqa: E402
from staithe.vectors.store.rows import Hit  # noqa: E402
from staithe.vectors.terms import Terms  # noqa: E402

DENSE: Final = "by meaning (dense)"
HYBRID: Final = "by both (hybrid)"
RRF: Final = "by both, reciprocal ranks"
WAYS: Final = {
    DENSE: {"meaning"},
    "by words": {"words"},
    HYBRID: {"meaning", "words"},
    RRF: {"meaning", "words"},
}
HITS: Final = 5
DEPTH: Final = 10
RESAMPLES: Final = 5_000
RANK_CONSTANT: Final = 60


def ndcg(ranked: Sequence[str], relevant: dict[str, float], depth: int = DEPTH) -> float:
    """Normalised discounted cumulative gain with linear gains, as trec_eval has it."""
    gain = sum(relevant.get(each, 0.0) / math.log2(place + 2) for place, each in enumerate(ranked[:depth]))
    best = sorted(relevant.values(), reverse=True)[:depth]
    return gain / sum(each / math.log2(place + 2) for place, each in enumerate(best))


def by_ranks(by_meaning: Sequence[Hit], by_words: Sequence[Hit], terms: Terms) -> Sequence[Ranked]:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), to compare with."""
    scores: dict[str, float] = {}
    for hits in (by_meaning, by_words):
        for rank, hit in enumerate(hits, 1):
            scores[hit.chunk_id] = scores.get(hit.chunk_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(fuse(by_meaning, by_words, terms), key=lambda each: -scores[each.hit.chunk_id])


def measure(labelled: Labelled, index: MemoryIndex, encoder: Encoder) -> Section:
    """hit@1, hit@5, MRR and nDCG@10 of each way, and the gain over dense alone with its 95 % interval."""
    section = Section("retrieval-ways", f"Retrieval: {labelled.name}")
    rows, dense = [], np.zeros(0)
    for name, ways in WAYS.items():
        index.ways = set(ways)
        stage = stage_over(index, encoder, fuse if name in (DENSE, HYBRID) else by_ranks)
        ranked = [asyncio.run(_documents(stage, each)) for each in labelled.questions]
        found = [_rank(each, question) for each, question in zip(ranked, labelled.questions, strict=True)]
        scores = np.array(
            [ndcg(each, dict(question.relevant)) for each, question in zip(ranked, labelled.questions, strict=True)]
        )
        dense = scores if name == DENSE else dense
        rows.append(
            [
                name, str(len(found)), f"{_share(found, 1):.3f}", f"{_share(found, HITS):.3f}",
                f"{np.mean([1 / rank if rank else 0 for rank in found]):.3f}", f"{scores.mean():.3f}",
                "" if name == DENSE else _gain(scores - dense),
            ]
        )  # fmt: skip
    columns = ("", "questions", "hit@1", f"hit@{HITS}", "MRR", f"nDCG@{DEPTH}", "gain in nDCG over dense")
    section.tables.append(Table(columns, rows))
    section.notes.append(
        f"{len(labelled.texts)} documents, {len(index.rows)} chunks; a document's rank is its best chunk's; in "
        f"brackets the 95 % interval of the paired difference ({RESAMPLES:,} bootstrap samples)."
    )
    return section


async def _documents(stage: QueryStage, question: Question) -> list[str]:
    retrieved = await stage.search(question.caller, question.text, limit=RESULTS_MAX)
    return list(dict.fromkeys(str(each.hit.document_id) for each in retrieved.results))


def _rank(ranked: Sequence[str], question: Question) -> int | None:
    return next((place for place, each in enumerate(ranked, 1) if each in question.relevant), None)


def _share(found: Sequence[int | None], hits: int) -> float:
    return sum(rank is not None and rank <= hits for rank in found) / len(found)


def _gain(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    drawn = np.random.default_rng(0).choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def measure_answers(labelled: Labelled, index: MemoryIndex, stage: QueryStage, *, show_misses: bool) -> Section:
    """Right quotations and refusals of each half of the samples, dense alone and hybrid."""
    section = Section("answers-ways", "Answers")
    rows = []
    for way in (DENSE, HYBRID):
        index.ways = set(WAYS[way])
        for name, start in (("dev", 0), ("held-out", 1)):
            rows.append([f"{name}, {way}", *_answers(stage, labelled, start, show_misses and way != DENSE)])
    columns = ("half", "questions", "answered", "right quote", "right source", "refused of silent")
    section.tables.append(Table(columns, rows))
    return section


def _answers(stage: QueryStage, labelled: Labelled, start: int, show_misses: bool) -> list[str]:
    asked, silent = labelled.questions[start::2], labelled.silent[start::2]
    answered = quotes = sources = 0
    for each in asked:
        answer = asyncio.run(stage.answer(each.caller, each.text)).answer
        right = any(each.row["answer_contains"] in " ".join(one.quote.split()) for one in answer.citations)
        answered += answer.answered
        quotes += right
        sources += bool(answer.citations) and answer.citations[0].chunk.document_id in each.relevant
        if show_misses and not right:
            sys.stdout.write(
                f"  MISS {each.row['id']} {answer.support:.3f} want {each.row['answer_contains']!r} of "
                f"{list(each.relevant)}\n       q {each.text}\n       a {answer.text[:300]}\n"
                f"       from {[one.chunk.document_id for one in answer.citations]}\n"
            )
    refused = sum(not asyncio.run(stage.answer(each.caller, each.text)).answer.answered for each in silent)
    count = len(asked)
    return [
        str(count), f"{answered / count:.1%}", f"{quotes / count:.1%}", f"{sources / count:.1%}",
        f"{refused} of {len(silent)}",
    ]  # fmt: skip


def sections(encoder: Encoder, folders: Sequence[Path], *, answers: bool, show_misses: bool) -> list[Section]:
    """Of the samples, then of each folder."""
    made = []
    for labelled in (samples(), *(folder(each) for each in folders)):
        index = MemoryIndex(labelled.texts, encoder)
        made.append(measure(labelled, index, encoder))
        if answers and labelled.silent:
            stage = stage_over(index, encoder)
            made.append(measure_answers(labelled, index, stage, show_misses=show_misses))
    return made


def main() -> int:
    """Run; 0 when it ran."""
    parser = argparse.ArgumentParser(description="Retrieval and answers on labelled questions, no stack.")
    parser.add_argument(
        "--folder", type=Path, nargs="*", default=[], help="labelled folders in BEIR's or TREC's layout"
    )
    parser.add_argument("--answers", action="store_true", help="also answer the samples' questions")
    parser.add_argument("--show", action="store_true", help="print each miss")
    parser.add_argument("--cache", type=Path, default=default_cache_dir(), help="cache folder with the prepared model")
    arguments = parser.parse_args()
    encoder = load_encoder(model_paths(arguments.cache))
    console = Console()
    for section in sections(encoder, arguments.folder, answers=arguments.answers, show_misses=arguments.show):
        show(section, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
