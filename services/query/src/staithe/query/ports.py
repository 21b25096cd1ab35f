"""What the query service needs from elsewhere, as it sees it; `app` joins the real ones, tests their own.

Every method may block unless it says otherwise, so the service calls them on bounded threads.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.errors import StaitheError
from staithe.kernel.events import DocumentCurrent, Event
from staithe.kernel.telemetry import Headers
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.vectors.store.filters import Filter
from staithe.vectors.store.rows import Hit, StoredChunk
from staithe.vectors.terms import Terms

Vector = npt.NDArray[np.float32]


class TextEncoder(Protocol):
    """Turns text into a vector of the generation the index holds."""

    @property
    def model_digest(self) -> bytes:
        """Which model this is; rows of another are not comparable. Does not block."""
        ...

    def encode(self, text: str) -> Vector:
        """float32[384] of unit norm."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of the model's tokens the whole text has. Does not block: under a millisecond for an answer."""
        ...


class ChunkIndex(Protocol):
    """The index, read only."""

    def search(self, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        """The nearest rows that pass the filter, best first; raises Unavailable."""
        ...

    def has_terms(self) -> bool:
        """Whether it can be searched by words; raises Unavailable when it is first asked."""
        ...

    def search_terms(self, terms: Terms, vector: Vector, wanted: Filter, limit: int) -> Sequence[Hit]:
        """The rows that pass the filter and share terms, most in common first, with their likeness to `vector`."""
        ...

    def fetch_document_chunks(
        self, tenant_id: TenantId, document_id: DocumentId, document_version: int
    ) -> Sequence[StoredChunk]:
        """Every row of one version, in any order; raises Unavailable."""
        ...


class QuestionTerms(Protocol):
    """Turns a question's words into what the blind index has in their place."""

    def terms(self, tenant_id: TenantId, question: str) -> Terms:
        """None when there is no word to look for; raises Unavailable when the tenant's key cannot be had now, and
        InvalidEvent when there is no such tenant."""
        ...


class ChunkOpener(Protocol):
    """Opens sealed chunk text."""

    def prepare(self, blobs: Iterable[tuple[SealContext, bytes]]) -> None:
        """Fetch the keys of all of them at once; raises Unavailable, and leaves what has no key for `open` to say."""
        ...

    def open(self, context: SealContext, sealed: bytes) -> bytes:
        """The plaintext; raises Integrity when it was not sealed for this context, Erased, Unavailable."""
        ...


class CurrentDocuments(Protocol):
    """The authority on what may be served now. Nothing here blocks."""

    @property
    def fatal(self) -> StaitheError | None:
        """Why it can no longer follow, if it cannot."""
        ...

    def caught_up(self) -> bool:
        """Whether it knows everything that was decided before it started."""
        ...

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentCurrent | None:
        """What holds for the document now, or None when there never was one."""
        ...


class EventPublisher(Protocol):
    """Accepts events durably."""

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        """Return once the event is durable; raise Unavailable or AccessDenied otherwise."""
        ...


INCOMPLETE: Final = "EVIDENCE_INCOMPLETE"
"""The reason code for evidence that is not all in the log yet."""


class EvidenceSource(Protocol):
    """Where the evidence of answers comes from. Does not block."""

    async def fetch(self, answer_id: str) -> bytes | None:
        """The JSON bundle of an answer, None when the log does not know it.

        Raises Unavailable when the log cannot be reached, with the reason code INCOMPLETE when it lacks a step.
        """
        ...
