"""Vectors of documents that were embedded lately, so that a new version costs only the chunks that changed.

Kept by document and not by text alone: from how fast a document becomes searchable nobody may learn whether another
one, perhaps another tenant's, has the same text. In this process only; a restart forgets everything.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

Vectors = Mapping[bytes, bytes]
"""The digest of what the model read → its vector, little-endian float32."""

CHUNKS_MAX: Final = 20_000
"""31 MB of vectors of 384 dimensions: at four chunks a document, the newest 5,000 documents."""


class VectorMemory:
    """Safe to call from several threads. What was forgotten is not learned again by whoever had looked before."""

    def __init__(self, chunks_max: int = CHUNKS_MAX) -> None:
        self._chunks_max, self._chunks = chunks_max, 0
        self._documents: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, document: bytes) -> Vectors:
        """The vectors of a document's newest version; none when it is new, or was forgotten."""
        with self._lock:
            return self._documents.setdefault(document, {})

    def learn(self, document: bytes, recalled: Vectors, vectors: Vectors) -> None:
        """Keep `vectors` in the place of what `recall` gave, unless that is no longer what is kept; forget the oldest
        documents beyond the limit. A document larger than all the room is not kept."""
        with self._lock:
            if self._documents.get(document) is recalled:
                self._documents[document] = vectors
                self._documents.move_to_end(document)
                self._chunks += len(vectors) - len(recalled)
            while self._chunks > self._chunks_max or len(self._documents) > self._chunks_max:
                _, oldest = self._documents.popitem(last=False)
                self._chunks -= len(oldest)

    def forget(self, document: bytes) -> None:
        """Keep nothing of an erased document: a vector tells of its text."""
        with self._lock:
            self._chunks -= len(self._documents.pop(document, {}))
