"""Digests that the writer and the reader of an event must compute alike."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from staithe.kernel.errors import Integrity
from staithe.kernel.events import Chunk


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


def chunks_digest(model_digest: bytes, chunks: Iterable[Chunk]) -> bytes:
    """The digest of an embedded version: which model, which spans, which texts. The vectors follow from these."""
    fields = (
        b"".join(number.to_bytes(4, "big", signed=True) for number in (each.ordinal, each.span_start, each.span_end))
        + each.text_sha256
        for each in chunks
    )
    return _digest(b"staithe/chunks/v1" + model_digest, fields)


def _digest(domain: bytes, fields: Iterable[bytes]) -> bytes:
    state = hashlib.sha256(domain)
    for each in fields:
        state.update(len(each).to_bytes(8, "big"))
        state.update(each)
    return state.digest()
