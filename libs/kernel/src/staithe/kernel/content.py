"""Digests that the writer and the reader of an event must compute alike."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from staithe.kernel.errors import Integrity


class ChunkFacts(Protocol):
    """What is known of a chunk wherever it lies: in an event, or in the index."""

    @property
    def ordinal(self) -> int: ...
    @property
    def span_start(self) -> int: ...
    @property
    def span_end(self) -> int: ...
    @property
    def text_sha256(self) -> bytes: ...
    @property
    def sealed_text(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Readable:
    """What a person can read of a document or a chunk; it travels and rests sealed, as UTF-8 JSON."""

    name: str
    title: str
    text: str

    def encode(self) -> bytes:
        """The bytes to seal."""
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "surrogatepass")

    @classmethod
    def decode(cls, opened: bytes) -> "Readable":
        """What was sealed; raises Integrity when it is something else."""
        try:
            fields = json.loads(opened.decode("utf-8", "surrogatepass"))
            readable = cls(**fields)
        except (ValueError, TypeError) as error:
            raise Integrity("sealed bytes are no text of a document", reason_code="SEAL_CONTENT") from error
        if not all(isinstance(each, str) for each in (readable.name, readable.title, readable.text)):
            raise Integrity("sealed bytes are no text of a document", reason_code="SEAL_CONTENT")
        return readable

    def digest(self) -> bytes:
        """As `text_digest`."""
        return text_digest(name=self.name, title=self.title, text=self.text)


NOTHING_TO_READ = Readable("", "", "")
"""What an erasure carries."""


def text_digest(*, name: str, title: str, text: str) -> bytes:
    """The digest of a document's readable parts; lengths are part of it, so nothing can move between the fields."""
    return _digest(b"staithe/text/v1", (each.encode() for each in (name, title, text)))


def chunk_digest(chunk: ChunkFacts) -> bytes:
    """The digest of a chunk as it is stored: its place, its text and its sealed bytes.

    It may stand in the audit log: the sealed bytes have random ones among them, so that nobody can try likely texts
    against it who does not hold the chunk.
    """
    numbers = (chunk.ordinal, chunk.span_start, chunk.span_end)
    place = b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)
    return _digest(b"staithe/chunk/v1", (place, chunk.text_sha256, hashlib.sha256(chunk.sealed_text).digest()))


def chunks_digest(model_digest: bytes, chunks: Iterable[ChunkFacts]) -> bytes:
    """The digest of an embedded version: which model, which chunks. The vectors follow from these."""
    return listed_chunks_digest(model_digest, (chunk_digest(each) for each in chunks))


def listed_chunks_digest(model_digest: bytes, chunk_digests: Iterable[bytes]) -> bytes:
    """The same from the digests alone, as the audit log lists them."""
    return _digest(b"staithe/chunks/v2" + model_digest, chunk_digests)


def _digest(domain: bytes, fields: Iterable[bytes]) -> bytes:
    state = hashlib.sha256(domain)
    for each in fields:
        state.update(len(each).to_bytes(8, "big"))
        state.update(each)
    return state.digest()
