"""Compares Encoder with a bare ONNX Runtime loop over the same chunks: rate, load time, memory, latency.

    python tests/benchmarks/bench_embedding.py [--chunks N] [--rounds N] [--text FILE] [--json]

The variants take turns, round by round, and each reports its best round: on a shared machine the rates
per second of processor time mean more than those per second. Ratios are relative to the first variant.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnxruntime
import psutil

from staithe.vectors.chunks import ChunkLimits, chunk_text
from staithe.vectors.model import Encoder, ModelPaths, default_cache_dir, load_encoder
from staithe.vectors.model.prepare import prepare_model

_SENTENCES = (
    "The oak is dried in the kiln for nine days until its moisture falls below eight per cent.",
    "Orders above 2,000 euro are delivered free of charge within the harbour district.",
    "Employees who work night shifts at the weir receive an allowance of 14 per cent.",
    "A board that fails the bending test is returned to the supplier with form HP-31.",
    "The turbine's bearings are inspected after every flood and greased at least quarterly.",
)
_QUESTIONS = ("how long is oak dried?", "what is the night shift allowance?", "when are the bearings greased?")

_Result = TypeVar("_Result")


def main() -> None:
    arguments = _arguments()
    paths, cold_seconds = _timed(lambda: prepare_model(default_cache_dir(), lambda *_: None))
    before_mib = _rss_mib()
    encoder, load_seconds = _timed(lambda: load_encoder(paths))
    loaded_mib = _rss_mib()
    chunks = _chunks(encoder, arguments.text, arguments.chunks)
    ids = [encoder.tokenizer.ids(chunk) for chunk in chunks]
    rates = _rates(_variants(encoder, paths, chunks, ids), len(chunks), arguments.rounds)
    baseline_wall, baseline_cpu = next(iter(rates.values()))
    report = {
        "chunks": len(chunks),
        "tokens_per_chunk": round(statistics.mean(map(len, ids)), 1),
        "prepare_seconds": round(cold_seconds, 3),
        "load_seconds": round(load_seconds, 3),
        "rss_mib_before_load": round(before_mib),
        "rss_mib_loaded": round(loaded_mib),
        "rss_mib_end": round(_rss_mib()),
        "rss_mib_peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "question_ms_p50": round(_question_ms_p50(encoder), 2),
        "variants": {
            name: {
                "chunks_per_second": round(wall, 1),
                "ratio": round(wall / baseline_wall, 2),
                "chunks_per_cpu_second": round(cpu, 1),
                "cpu_ratio": round(cpu / baseline_cpu, 2),
            }
            for name, (wall, cpu) in rates.items()
        },
    }
    print(json.dumps(report, indent=2) if arguments.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--chunks", type=int, default=60, help="how many chunks to embed in each round (default 60)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per variant, the best counts (default 3)")
    parser.add_argument("--text", type=Path, help="a text file to take the chunks from (default: made-up sentences)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _chunks(encoder: Encoder, source: Path | None, count: int) -> list[str]:
    """Chunks of the largest size the model reads, so that rates compare with published ones for 256 tokens."""
    text = source.read_text(encoding="utf-8") if source else " ".join(_SENTENCES) * (count * 4)
    limits = ChunkLimits(tokens_target=254, tokens_overlap=0)
    return [chunk.text for chunk in chunk_text(text[: 512 * 1024], encoder.tokenizer, limits)][:count]


def _variants(
    encoder: Encoder, paths: ModelPaths, chunks: Sequence[str], ids: Sequence[list[int]]
) -> dict[str, Callable[[], None]]:
    session = _bare_session(paths)

    def bare_run(tokens: list[int]) -> Any:
        return session.run(None, {"input_ids": np.array([tokens], np.int64)})

    return {
        "bare loop, tokens ready, 1 thread": lambda: _run_all(bare_run, ids, 1),
        "Encoder, text, 1 thread": lambda: _run_all(encoder.encode, chunks, 1),
        "bare loop, tokens ready, 2 threads": lambda: _run_all(bare_run, ids, 2),
        "Encoder, text, 2 threads": lambda: _run_all(encoder.encode, chunks, 2),
    }


def _bare_session(paths: ModelPaths) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(paths.graph, options, providers=["CPUExecutionProvider"])


def _run_all(run: Callable[[Any], Any], inputs: Sequence[Any], threads: int) -> None:
    if threads == 1:
        for item in inputs:
            run(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(run, inputs):
            pass


def _rates(variants: dict[str, Callable[[], None]], count: int, rounds: int) -> dict[str, tuple[float, float]]:
    """The best (chunks a second, chunks a second of processor time) of each variant."""
    best = dict.fromkeys(variants, (0.0, 0.0))
    for _ in range(rounds):
        for name, variant in variants.items():
            cpu_begin = time.process_time()
            seconds = _timed(variant)[1]
            cpu_seconds = time.process_time() - cpu_begin
            best[name] = (max(best[name][0], count / seconds), max(best[name][1], count / cpu_seconds))
    return best


def _question_ms_p50(encoder: Encoder) -> float:
    seconds = []
    for question in _QUESTIONS * 50:
        begin = time.perf_counter()
        encoder.encode(question)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds) * 1000


def _timed(action: Callable[[], _Result]) -> tuple[_Result, float]:
    begin = time.perf_counter()
    result = action()
    return result, time.perf_counter() - begin


def _rss_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def _table(report: dict[str, Any]) -> str:
    lines = [f"{name:<36} {value}" for name, value in report.items() if not isinstance(value, dict)]
    columns = ("chunks_per_second", "ratio", "chunks_per_cpu_second", "cpu_ratio")
    lines += ["", f"{'variant':<36} {'chunks/s':>9} {'ratio':>6} {'chunks/cpu-s':>13} {'ratio':>6}"]
    for name, row in report["variants"].items():
        wall, ratio, cpu, cpu_ratio = (row[column] for column in columns)
        lines.append(f"{name:<36} {wall:>9} {ratio:>6} {cpu:>13} {cpu_ratio:>6}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
