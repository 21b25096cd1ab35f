"""What one chunk is in the store, in Staithe's own types; knows nothing of Milvus."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.vocabulary import GROUPS_MAX, Access, ChunkId, DocumentId, TenantId
from staithe.vectors.store import limits
from staithe.vectors.terms import TERMS_MAX, Terms

DIGEST_BYTES: Final = 32
NUMBER_MAX: Final = (1 << 63) - 1
EVERYBODY: Final = "*"
"""Stored as the only group of a document without groups, so that one term of the filter covers both kinds."""

GROUP_SLOTS: Final = tuple(f"group_{number:02}" for number in range(GROUPS_MAX))
"""The columns of a document's groups, filled from the first; EVERYBODY only ever stands in the first."""
NO_GROUP: Final = ""
"""In the slots that are left over. No group is empty, and no filter may ask for it."""

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """One chunk as it lies in the store, without its embedding.

    `span_start` and `span_end` are character offsets in the sanitized text; `sealed_text` is ciphertext of title,
    name and text; `text_sha256` is of the plain chunk text; `retention_until` is milliseconds since
    the epoch, None for ever.
    """

    chunk_id: ChunkId
    tenant_id: TenantId
    document_id: DocumentId
    document_version: int
    ordinal: int
    access: Access
    sealed_text: bytes
    text_sha256: bytes
    span_start: int
    span_end: int
    model_digest: bytes
    retention_until: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkRow(StoredChunk):
    """A chunk on its way into the store. `embedding` is float32[384], finite, not zero; `terms` may be empty."""

    embedding: Vector
    terms: Terms = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(StoredChunk):
    """A chunk that a search found. `score` is the cosine similarity, -1 to 1, higher is nearer.

    Of `access.groups` it has the first only: whether there are any, not who is in them. What is current decides that.
    `terms_score` is the sum over the question's terms that it shares, above 0; None from a search by meaning.
    """

    score: float
    terms_score: float | None = None


def check_row(row: ChunkRow) -> None:
    """Return when `row` can be stored without loss; raise InvalidEvent with a reason code otherwise."""
    _check_text("chunk_id", row.chunk_id, limits.CHUNK_ID_BYTES_MAX)
    _check_text("tenant_id", row.tenant_id, limits.TENANT_ID_BYTES_MAX)
    _check_text("document_id", row.document_id, limits.DOCUMENT_ID_BYTES_MAX)
    _check_access(row.access)
    _check_number("document_version", row.document_version, minimum=0)
    _check_number("ordinal", row.ordinal, minimum=0)
    _check_number("span_start", row.span_start, minimum=0)
    _check_number("span_end", row.span_end, minimum=row.span_start)
    if row.retention_until is not None:
        _check_number("retention_until", row.retention_until, minimum=1)
    if len(row.text_sha256) != DIGEST_BYTES or len(row.model_digest) != DIGEST_BYTES:
        raise InvalidEvent("a digest does not have 32 bytes", reason_code="ROW_DIGEST_MALFORMED")
    if len(row.sealed_text) > limits.SEALED_TEXT_BYTES_MAX:
        raise InvalidEvent(f"sealed_text is over {limits.SEALED_TEXT_BYTES_MAX} bytes", reason_code="ROW_TEXT_TOO_LONG")
    check_vector(row.embedding)
    if len(row.terms) > TERMS_MAX:
        raise InvalidEvent(f"a row has at most {TERMS_MAX} terms", reason_code="ROW_TERMS_TOO_MANY")


def check_vector(vector: Vector) -> None:
    """Return when `vector` is float32[384], finite and not zero; raise InvalidEvent otherwise."""
    if vector.dtype != np.float32 or vector.shape != (limits.EMBEDDING_DIMENSIONS,):
        raise InvalidEvent(
            f"an embedding must be float32[{limits.EMBEDDING_DIMENSIONS}]", reason_code="EMBEDDING_MALFORMED"
        )
    length = float(np.dot(vector, vector))
    if not math.isfinite(length) or length == 0.0:
        raise InvalidEvent("an embedding must be finite and not zero", reason_code="EMBEDDING_MALFORMED")


def _check_access(access: Access) -> None:
    if len(access.groups) > GROUPS_MAX or EVERYBODY in access.groups:
        raise InvalidEvent(
            f"groups must be at most {GROUPS_MAX} and none of them '{EVERYBODY}'", reason_code="ROW_GROUPS_MALFORMED"
        )
    for group in access.groups:
        _check_text("groups", group, limits.GROUP_BYTES_MAX)


def _check_text(column: str, value: str, bytes_max: int) -> None:
    """Refuses NUL and lone surrogates: not every layer between here and the disk carries them."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidEvent(f"{column} is not Unicode text", reason_code="ROW_TEXT_MALFORMED") from error
    if size > bytes_max or not value or "\0" in value:
        raise InvalidEvent(
            f"{column} must have 1 to {bytes_max} bytes of UTF-8 and no NUL", reason_code="ROW_TEXT_MALFORMED"
        )


def _check_number(column: str, value: int, *, minimum: int) -> None:
    if not minimum <= value <= NUMBER_MAX:
        raise InvalidEvent(f"{column} must be {minimum} to {NUMBER_MAX}", reason_code="ROW_NUMBER_OUT_OF_RANGE")
