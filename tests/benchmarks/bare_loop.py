"""The model alone, over exactly the chunks that the embedding service made: what the pipeline is compared with."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime
from support.live import LiveStack

from staithe.embedding.settings import EmbeddingSettings
from staithe.embedding.stage import SANITIZED_PURPOSE
from staithe.kernel.clock import SystemClock
from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.events import ChunksEmbedded, DocumentSanitized, Event
from staithe.kernel.lineage import sha256
from staithe.kernel.stream.tail import Tail
from staithe.keys.client.sealing import VersionOpener
from staithe.stack.identities import OPERATOR
from staithe.vectors.chunks import ChunkLimits, chunk_text
from staithe.vectors.clip import under_title
from staithe.vectors.model import default_cache_dir, load_encoder, model_paths
from staithe.vectors.model.files import read_verified

THREADS: Final[int] = EmbeddingSettings.model_fields["concurrency"].default
"""Threads of the embedding service, unless it is told otherwise."""


@dataclass(frozen=True)
class LoopRun:
    """One run of the bare loop: chunks a second, and processor seconds for each."""

    rate: float
    cpu_seconds: float


class BareLoop:
    """The model alone: one session, as many threads as the service, token ids ready; the vectors are let go."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        graph, _ = read_verified(model_paths(default_cache_dir()))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(self, token_ids: Sequence[Sequence[int]]) -> LoopRun:
        """Embed every chunk once."""
        begin, cpu_begin = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(self._embed, token_ids):
                pass
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
        return LoopRun(len(token_ids) / seconds, cpu_seconds / len(token_ids))

    def _embed(self, ids: Sequence[int]) -> Any:
        return self._session.run(None, {"input_ids": np.array([ids], np.int64)})


def same_chunks(stack: LiveStack, suffix: str) -> list[list[int]]:
    """The token ids of every chunk the service embedded for documents with this suffix, cut from the same events.

    That they are the same is checked document by document: the digests of the texts in chunks.embedded.v1. The texts
    are opened with the service's own certificate, which lies on this machine.
    """
    opener = VersionOpener(stack.local().keys("embedding"), SystemClock())
    tokenizer = load_encoder(model_paths(default_cache_dir())).tokenizer
    texts: dict[bytes, list[bytes]] = {}
    ids: list[list[int]] = []
    for event in _events(stack, "documents.sanitized.v1"):
        if isinstance(event, DocumentSanitized) and event.document_id.endswith(suffix):
            readable = _open(opener, event)
            chunks = chunk_text(readable.text, tokenizer, ChunkLimits())
            texts[event.key] = [sha256(each.text.encode()) for each in chunks]
            ids += [tokenizer.ids(under_title(readable.title, each.text, tokenizer)) for each in chunks]
    for event in _events(stack, "chunks.embedded.v1"):
        if isinstance(event, ChunksEmbedded) and event.document_id.endswith(suffix):
            embedded = [each.text_sha256 for each in event.chunks]
            if texts.pop(event.key, None) != embedded:
                raise SystemExit("the service embedded other chunks than the bench cut")
    if texts:
        raise SystemExit(f"{len(texts)} documents were sanitized but not embedded")
    return ids


def _open(opener: VersionOpener, event: DocumentSanitized) -> Readable:
    context = SealContext(SANITIZED_PURPOSE, event.tenant_id, event.document_id, event.document_version)
    return Readable.decode(opener.open(context, event.sealed_text))


def _events(stack: LiveStack, topic: str) -> Iterator[Event]:
    """Every committed event of a topic."""
    local = stack.local()
    codec, tail = local.codec(), Tail(local.access(OPERATOR), [topic], from_beginning=True)
    try:
        while not tail.finished():
            for record in tail.poll(0.5):
                yield codec.decode(topic, record.value)
    finally:
        tail.close()
        codec.close()
