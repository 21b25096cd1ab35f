"""Opens chunks and puts texts together by their spans. Pure but for the opener it is given."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from staithe.kernel.content import Readable
from staithe.kernel.crypto.sealing import SealContext
from staithe.kernel.errors import Integrity, Unavailable
from staithe.query.limits import CONTENT_GAP_CHARACTERS_MAX
from staithe.query.ports import ChunkOpener
from staithe.vectors.store.rows import StoredChunk

CHUNK_PURPOSE = "chunk"


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters `start` up to `start + len(text)` of a sanitized text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def prepare_chunks(opener: ChunkOpener, chunks: Iterable[StoredChunk]) -> None:
    """Have the keys of all `chunks` at hand, in one request; raises Unavailable when they cannot be had now."""
    opener.prepare((_context(each), each.sealed_text) for each in chunks)


def open_chunk(opener: ChunkOpener, chunk: StoredChunk) -> Readable:
    """The chunk's text, under its document's title and name.

    Raises Integrity when it does not open as this chunk, or is not the text its digest and span promise; Erased when
    its key was destroyed, and Unavailable when that cannot be had now.
    """
    opened = Readable.decode(opener.open(_context(chunk), chunk.sealed_text))
    try:
        digest = hashlib.sha256(opened.text.encode()).digest()
    except UnicodeEncodeError as error:
        raise Integrity("a chunk's text is not Unicode", reason_code="CHUNK_NOT_TEXT") from error
    if digest != chunk.text_sha256:
        raise Integrity("a chunk's text does not have its digest", reason_code="CHUNK_DIGEST_MISMATCH")
    if chunk.span_start < 0 or chunk.span_end - chunk.span_start != len(opened.text):
        raise Integrity("a chunk's text does not have its length", reason_code="CHUNK_SPAN_MISMATCH")
    return opened


def _context(chunk: StoredChunk) -> SealContext:
    return SealContext(CHUNK_PURPOSE, chunk.tenant_id, chunk.document_id, chunk.document_version, str(chunk.ordinal))


def stitch(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """`pieces` of one text in order, those that touch or overlap joined; raises Integrity where two disagree."""
    joined: list[Piece] = []
    parts: list[str] = []
    start = end = 0
    for piece in sorted(pieces, key=lambda each: (each.start, each.end)):
        if parts and piece.start <= end:
            overlap = min(end, piece.end) - piece.start
            if not _ends_with(parts, end - piece.start, piece.text[:overlap]):
                raise Integrity("chunks disagree where they overlap", reason_code="CHUNK_OVERLAP_MISMATCH")
            if piece.end > end:
                parts.append(piece.text[overlap:])
                end = piece.end
            continue
        if parts:
            joined.append(Piece(start, "".join(parts)))
        parts, start, end = [piece.text], piece.start, piece.end
    if parts:
        joined.append(Piece(start, "".join(parts)))
    return tuple(joined)


def _ends_with(parts: list[str], back: int, expected: str) -> bool:
    """Whether the text in `parts` reads `expected` from `back` characters before its end."""
    tail = ""
    for part in reversed(parts):
        tail = part + tail
        if len(tail) >= back:
            break
    begin = len(tail) - back
    return tail[begin : begin + len(expected)] == expected


def whole_text(pieces: Sequence[Piece], ordinals: Sequence[int], *, chunk_count: int) -> str:
    """The whole sanitized text, so that `text[start:end]` of any citation is its quotation.

    Blank space that chunking left out comes back as one space or as line ends. Raises Unavailable when chunks are
    missing, which a store that reads slightly stale data may cause, and Integrity when they do not fit together.
    """
    if sorted(ordinals) != list(range(chunk_count)):
        raise Unavailable("the index does not have all chunks of the document yet", reason_code="CHUNKS_INCOMPLETE")
    parts: list[str] = []
    end = 0
    for piece in stitch(pieces):
        if piece.start - end > CONTENT_GAP_CHARACTERS_MAX:
            raise Integrity("chunks leave a gap in the text", reason_code="CHUNK_GAP")
        gap = piece.start - end
        parts += [" " if gap == 1 else "\n" * gap, piece.text]
        end = piece.end
    return "".join(parts)
