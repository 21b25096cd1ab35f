"""Digests that the writer and the reader of an event must compute alike."""

import hashlib
from collections.abc import Iterable

from staithe.kernel.events import Chunk


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
