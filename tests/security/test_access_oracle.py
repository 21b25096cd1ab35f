"""Who is shown what, against the rule written a second time: 10,000 random callers, and values that attack filters."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest
from support.milvus import DIGEST, launch

from staithe.kernel.vocabulary import Access, ChunkId, Classification, DocumentId, TenantId, Tier
from staithe.stack.milvus_server import READER, WRITER
from staithe.stack.processes import stop
from staithe.vectors.store import (
    And,
    ChunkRow,
    Consistency,
    Equals,
    Field,
    MilvusConnection,
    MilvusIndexReader,
    MilvusIndexWriter,
    permitted,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PAIRS = 10_000
HOSTILE_VALUES = 600
TENANTS = tuple(TenantId(name) for name in ("harbour", "harbour-2", "millrace", "mill"))
GROUPS = ("hr", "board", "hr-board", "sales", "h")
DOCUMENTS = 60
SEED = 20_261_126


@dataclass(frozen=True)
class Index:
    """A store of its own, with a writer and a reader."""

    writer: MilvusIndexWriter
    reader: MilvusIndexReader


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    milvus = launch("lite", tmp_path_factory.mktemp("oracle"))
    writing, reading = MilvusConnection(milvus.address(WRITER)), MilvusConnection(milvus.address(READER))
    yield Index(MilvusIndexWriter(writing, DIGEST), MilvusIndexReader(reading, DIGEST))
    writing.close()
    reading.close()
    stop(milvus.process, milvus.spec)


def row(tenant: str, document: str, access: Access, vector: np.ndarray) -> ChunkRow:
    digest = sha256(f"{tenant}/{document}".encode())
    return ChunkRow(
        chunk_id=ChunkId(digest.hexdigest()), tenant_id=TenantId(tenant), document_id=DocumentId(document),
        document_version=1, ordinal=0, access=access, sealed_text=b"sealed", text_sha256=digest.digest(), span_start=0,
        span_end=6, model_digest=DIGEST, embedding=vector, retention_until=None,
    )  # fmt: skip


def rule(stored: ChunkRow, tenant: str, tier: int, groups: frozenset[str]) -> bool:
    """The promise in its own words: one's own tenant, one's own tier or below, everybody's or one of one's groups."""
    if stored.tenant_id != tenant or stored.access.tier > tier:
        return False
    return not stored.access.groups or any(group in groups for group in stored.access.groups)


def test_ten_thousand_callers_are_shown_what_the_rule_says_and_nothing_else(index: Index) -> None:
    chance, numbers = random.Random(SEED), np.random.default_rng(SEED)  # noqa: S311

    def some_groups() -> tuple[str, ...]:
        return tuple(sorted(chance.sample(GROUPS, chance.randint(0, 3))))

    rows = [
        row(
            chance.choice(TENANTS), f"document-{number}",
            Access(chance.choice(list(Tier)), some_groups(), chance.choice(list(Classification))),
            numbers.standard_normal(384, dtype=np.float32),
        )
        for number in range(DOCUMENTS)
    ]  # fmt: skip
    index.writer.upsert(rows)
    index.writer.flush()
    leaks = misses = shown = 0
    for _ in range(PAIRS):
        tenant, tier, groups = chance.choice(TENANTS), chance.choice(list(Tier)), frozenset(some_groups())
        hits = index.reader.search(
            numbers.standard_normal(384, dtype=np.float32), permitted(tenant, tier, groups), DOCUMENTS,
            consistency=Consistency.STRONG,
        )  # fmt: skip
        found = {hit.chunk_id for hit in hits}
        expected = {each.chunk_id for each in rows if rule(each, tenant, tier, groups)}
        leaks, misses, shown = leaks + len(found - expected), misses + len(expected - found), shown + len(found)
    assert (leaks, misses) == (0, 0)
    assert shown > PAIRS  # otherwise nothing was tried


_PIECES = (
    *"\"'\\\n\r\t\x01\x0b\x7f\u00e9\u4e2d\U00020000\u202e\u2028\ufeff\uffff%_*()[]{},;#0aZ ",
    *(
        '\\"',
        " or ",
        " and ",
        " not ",
        "==",
        "!=",
        "<",
        ">=",
        " in ",
        "like",
        "--",
        "/*",
        "*/",
        "1 == 1",
        "true",
        "null",
    ),
    *("tenant_id", "tier", "$meta", "exists ", "json_contains(", "text_match(", "\\u0022", "\\x22", "&quot;", "%22"),
)


def hostile_values() -> list[str]:
    """Values that a string of the expression's language may not survive, each once; the same on every run."""
    chance = random.Random(SEED)  # noqa: S311
    made = [chr(number) for number in range(1, 256)]
    while len(set(made)) < HOSTILE_VALUES:
        made.append("".join(chance.choice(_PIECES) for _ in range(chance.randint(1, 8))))
    return [value for value in dict.fromkeys(made) if len(value.encode()) <= 200]


def test_hostile_values_in_a_filter_match_exactly_themselves(index: Index) -> None:
    tenant, numbers = TenantId(f"filters-{os.getpid()}"), np.random.default_rng(SEED)
    access, values = Access(Tier.OFFICE, (), Classification.INTERNAL), hostile_values()
    assert len(values) >= 500
    index.writer.upsert(
        [row(tenant, value, access, numbers.standard_normal(384, dtype=np.float32)) for value in values]
    )
    surprises = []
    for value in values:
        tree = And((Equals(Field.TENANT_ID, tenant), Equals(Field.DOCUMENT_ID, value)))
        hits = index.reader.search(
            numbers.standard_normal(384, dtype=np.float32), tree, 256, consistency=Consistency.STRONG
        )
        if [hit.document_id for hit in hits] != [value]:
            surprises.append(value)
    assert surprises == []
