"""What the tests of this service share: a signed event, and index, table and keys in one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from staithe.indexing.erasure import Eraser
from staithe.indexing.stage import IndexingStage
from staithe.kernel.content import chunks_digest
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import StaitheError
from staithe.kernel.events import Chunk, ChunksEmbedded, DocumentCurrent, LineageStep
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, sha256
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier
from staithe.keys.wire import Shredded, Version
from staithe.vectors.store.filters import Filter, document
from staithe.vectors.store.rows import ChunkRow

NOW_MS = 1_790_000_000_000
MODEL = b"m" * 32
STAGES = ("ingestion", "sanitization", "embedding")
SIGNERS = {name: Signer.generate() for name in (*STAGES, "indexing")}
KEYS = {name: signer.public_key for name, signer in SIGNERS.items()}
ACCESS = Access(Tier.OFFICE, ("hr",), Classification.INTERNAL)


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


class FakeWorld:
    """Index and table in one, so that the order of what is done to both is seen."""

    def __init__(self, current: DocumentCurrent | None = None) -> None:
        self.current = current
        self.acts: list[tuple[Any, ...]] = []
        self.rows: list[ChunkRow] = []
        self.failures: dict[str, StaitheError] = {}
        self.stored, self.left = 3, 0

    def upsert(self, rows: Sequence[ChunkRow]) -> None:
        self._act("upsert", len(rows))
        self.rows += rows

    def delete_document(self, tenant_id: TenantId, document_id: DocumentId, *, keep_version: int | None) -> None:
        self._act("delete", tenant_id, document_id, keep_version)
        self.stored = self.left

    def count(self, tree: Filter) -> int:
        assert tree == document(TenantId("harbour"), DocumentId("leave"))
        return self.stored

    def shred(self, version: Version) -> Shredded:
        self._act("shred", version.tenant_id, version.document_id, version.document_version)
        return Shredded(document_version=version.document_version, shredded_at=NOW_MS, secrets=2, event_id="keys")

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentCurrent | None:
        assert (tenant_id, document_id) == ("harbour", "leave")
        return self.current

    def apply(self, event: DocumentCurrent) -> None:
        self._act("apply", event.document_version, event.erased)

    def _act(self, name: str, *details: Any) -> None:
        self.acts.append((name, *details))
        if name in self.failures:
            raise self.failures[name]


def chunk(ordinal: int, **changes: Any) -> Chunk:
    made = Chunk(
        ordinal=ordinal, span_start=ordinal, span_end=ordinal + 9, text_sha256=sha256(b"%d" % ordinal),
        sealed_text=b"sealed", embedding=np.array([0.6, 0.8], "<f4").tobytes(),
    )  # fmt: skip
    return replace(made, **changes)


def embedded(version: int = 5, operation: Operation = Operation.UPSERT, **changes: Any) -> ChunksEmbedded:
    chunks = (chunk(0), chunk(1)) if operation is Operation.UPSERT else ()
    event = ChunksEmbedded(**{
        "event_id": "e", "tenant_id": TenantId("harbour"), "document_id": DocumentId("leave"),
        "document_version": version, "operation": operation, "occurred_at": NOW_MS, "access": ACCESS,
        "retention_until": NOW_MS + 1, "residency": "eu", "content_sha256": b"c" * 32, "source": "wiki",
        "model_digest": MODEL, "dimensions": 2, "chunks": chunks, **changes,
    })  # fmt: skip
    lineage: tuple[LineageStep, ...] = ()
    before = event.content_sha256
    for stage in STAGES:
        after = chunks_digest(event.model_digest, event.chunks) if stage == "embedding" else sha256(stage.encode())
        author = LineageAuthor(service=stage, code_version=f"{stage}/1", signer=SIGNERS[stage])
        lineage = author.extended(event, lineage, input_sha256=before, output_sha256=after)
        before = after
    return replace(event, lineage=lineage)


def current(version: int, *, erased: bool = False) -> DocumentCurrent:
    return DocumentCurrent(
        tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=version, access=ACCESS,
        residency="eu", content_sha256=b"c" * 32, erased=erased, chunk_count=1, occurred_at=NOW_MS,
    )  # fmt: skip


def stage(world: FakeWorld) -> IndexingStage:
    return IndexingStage(
        world, world, Eraser(world, world, FakeClock()), model_digest=MODEL, dimensions=2, clock=FakeClock(),
        verifier=LineageVerifier(expected=STAGES, keys=KEYS),
        author=LineageAuthor(service="indexing", code_version="indexing/1", signer=SIGNERS["indexing"]),
    )  # fmt: skip
