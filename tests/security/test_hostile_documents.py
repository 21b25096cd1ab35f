"""Threats 5, 6 and 8: every hostile document ends in a verdict, in time and memory, and the next one is served.

One pool serves the whole corpus, so a document that broke the child would fail its successor too.
"""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from staithe.ingestion.parsers.document import is_clean
from staithe.ingestion.parsers.limits import MEMORY_BYTES_MAX, WALL_SECONDS_MAX
from staithe.ingestion.parsers.reasons import REASONS
from staithe.ingestion.parsers.sandbox import ParserPool
from staithe.kernel.errors import InvalidEvent

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parents[1] / "services" / "ingestion" / "tests")]

from hostile_cases import PARSED, SMUGGLED, Hostile  # noqa: E402 (found through the line above)
from hostile_documents import CASES  # noqa: E402

GOOD = "# Delivery\n\nTen days."
_HOST_FILE = re.compile(r"root:.*:0:0:")


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(1) as started:
        yield started


def test_the_corpus_is_large_and_expects_refusals() -> None:
    assert len(CASES) >= 320
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(PARSED not in case.verdicts for case in CASES) > len(CASES) / 2
    assert all(case.verdicts <= {PARSED, *REASONS} and case.verdicts for case in CASES)


@pytest.mark.parametrize("hostile", CASES, ids=lambda hostile: hostile.name)
def test_a_hostile_document_ends_in_a_verdict_and_the_next_is_served(pool: ParserPool, hostile: Hostile) -> None:
    content = hostile.make()
    begun = time.monotonic()
    verdict, text = _verdict(pool, content, hostile.declared)
    seconds = time.monotonic() - begun
    assert verdict in hostile.verdicts
    assert seconds < WALL_SECONDS_MAX
    assert is_clean(text)
    assert SMUGGLED not in text
    assert not _HOST_FILE.search(text)
    assert pool.parse(GOOD.encode(), "text/markdown").text == GOOD


def test_peak_memory_over_the_whole_corpus_stays_under_the_limit(pool: ParserPool) -> None:
    pool.parse(GOOD.encode(), "text/markdown")
    assert 0 < pool._processes[0].memory_bytes_peak < MEMORY_BYTES_MAX


def _verdict(pool: ParserPool, content: bytes, declared: str) -> tuple[str, str]:
    try:
        document = pool.parse(content, declared)
    except InvalidEvent as error:
        return error.reason_code, ""
    return PARSED, f"{document.text}\n{document.title or ''}".rstrip("\n")
