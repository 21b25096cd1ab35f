"""Measure parsing: through the confined child against in-process, the child's start, and its memory.

Run: `python tests/benchmarks/bench_parsers.py` in an environment with staithe-ingestion. Ratios within one run mean
more than times across machines.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from staithe.ingestion.parsers.document import ParsedDocument
from staithe.ingestion.parsers.parse import parse_document
from staithe.ingestion.parsers.sandbox import ParserPool, ParserProcess

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services" / "ingestion" / "tests"))

from document_samples import DOCX_TYPE, docx_bytes, mail_bytes, paragraph, pdf_bytes, show_text

SENTENCE = "The quick brown fox delivers oak tables to the customer within ten days. "
SECONDS = 1.5
STARTS = 5


def samples() -> dict[str, tuple[str, bytes]]:
    page = "".join(show_text(SENTENCE, 750 - 14 * line) for line in range(45))
    paragraphs = "".join(paragraph(SENTENCE * 5) for _ in range(200))
    return {
        "markdown 2 KB": ("text/markdown", ("# Terms\n\n" + SENTENCE * 27).encode()),
        "markdown 1 MB": ("text/markdown", ("# Terms\n\n" + (SENTENCE * 10 + "\n\n") * 1400).encode()),
        "html 70 KB": (
            "text/html",
            ("<h1>Terms</h1>" + f"<div class=a><p>{SENTENCE * 4}<b>x</b></div>" * 210).encode(),
        ),
        "csv 100 KB": ("text/csv", ("sku,item,price\n" + "A-17,Oak table,340.00\n" * 4500).encode()),
        "json 100 KB": (
            "application/json",
            ('{"rows":[' + ",".join(['{"sku":"A-17","price":340.00}'] * 3300) + "]}").encode(),
        ),
        "pdf 20 pages": ("application/pdf", pdf_bytes([page] * 20)),
        "docx 200 paragraphs": (DOCX_TYPE, docx_bytes(paragraphs)),
        "mail 2 KB": ("message/rfc822", mail_bytes(SENTENCE * 25)),
    }


def rate(parse: Callable[[bytes, str], ParsedDocument], content: bytes, declared: str) -> float:
    """Documents a second over about SECONDS, after one that does not count."""
    parse(content, declared)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        parse(content, declared)
        count += 1
    return count / (time.perf_counter() - begun)


def start_seconds() -> float:
    begun = time.perf_counter()
    process = ParserProcess()
    process.start()
    taken = time.perf_counter() - begun
    process.close()
    return taken


def resident(pid: int) -> str:
    """VmRSS of a process where the system tells it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return "unknown here"
    return next(line.split(":")[1].strip() for line in status.read_text().splitlines() if line.startswith("VmRSS"))


def main() -> None:
    print(f"child start: median {median(start_seconds() for _ in range(STARTS)) * 1000:.0f} ms of {STARTS}")
    with ParserPool(1) as pool:
        process = pool._processes[0]
        print(f"isolation: {', '.join(pool.isolation)}")
        print(f"child resident: {resident(process.pid)}")
        print(f"{'document':22} {'in-process/s':>13} {'MB/s':>7} {'child/s':>9} {'MB/s':>7} {'added ms':>9}")
        for name, (declared, content) in samples().items():
            bare, confined = rate(parse_document, content, declared), rate(pool.parse, content, declared)
            size = len(content) / 1e6
            added = (1 / confined - 1 / bare) * 1000
            print(f"{name:22} {bare:13.1f} {bare * size:7.1f} {confined:9.1f} {confined * size:7.1f} {added:9.2f}")
        print(f"peak resident of a document's process: {process.memory_bytes_peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
