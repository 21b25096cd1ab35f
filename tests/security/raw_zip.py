"""A writer of ZIP archives that may lie in every field, for the cases of hostile_archives."""

import zlib
from dataclasses import dataclass
from typing import Final

from document_samples import CONTENT_TYPES, paragraph, word_part

STORED, DEFLATED = 0, 8
_MARKED: Final = 0x08  # sizes follow the data


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry; what is None is what an honest writer would put. `local_` fields lie in the local header only."""

    name: bytes
    content: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    version: int = 20
    packed: bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    checksum: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    mode: int = 0  # of Unix, such as 0o120777 for a symbolic link
    offset: int | None = None
    descriptor: bytes = b""
    signature: bytes = b"PK\x03\x04"
    local_name: bytes | None = None
    local_extra: bytes = b""
    local_sizes: tuple[int, int] | None = None


def entry(name: bytes, content: bytes = b"", **fields: object) -> Entry:
    return Entry(name=name, content=content, **fields)  # type: ignore[arg-type]


TYPES: Final = entry(b"[Content_Types].xml", CONTENT_TYPES)


def main(text: str = "Delivery takes ten days.", **fields: object) -> Entry:
    return entry(b"word/document.xml", word_part(paragraph(text)), **fields)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What lies around the entries, and what the end record says of them; None is the truth."""

    before: bytes = b""
    gap: bytes = b""
    after_directory: bytes = b""
    comment: bytes = b""
    disks: int = 0
    count: int | None = None
    directory_bytes: int | None = None
    directory_offset: int | None = None
    more_directory: bytes = b""


def deflated(content: bytes) -> bytes:
    """A raw deflate stream (RFC 1951)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def raw_zip(*entries: Entry, layout: Layout = Layout()) -> bytes:
    """The bytes of these entries in this order, one directory and one end record."""
    body, directory = layout.before, b""
    for one in entries:
        packed = one.packed if one.packed is not None else _packed(one)
        offset = len(body) if one.offset is None else one.offset
        body += _local(one, packed) + packed + one.descriptor + layout.gap
        directory += _central(one, packed, offset)
    directory += layout.more_directory
    count = len(entries) if layout.count is None else layout.count
    size = len(directory) if layout.directory_bytes is None else layout.directory_bytes
    start = len(body) if layout.directory_offset is None else layout.directory_offset
    end = b"PK\x05\x06" + _short(layout.disks) * 2 + _short(count) * 2 + _long(size) + _long(start)
    return body + directory + layout.after_directory + end + _short(len(layout.comment)) + layout.comment


def document_zip(*entries: Entry, layout: Layout = Layout()) -> bytes:
    """A sound Word document with these further entries."""
    return raw_zip(TYPES, main(), *entries, layout=layout)


def _packed(one: Entry) -> bytes:
    return deflated(one.content) if one.method == DEFLATED else one.content


def _numbers(one: Entry, packed: bytes) -> tuple[int, int, int]:
    checksum = zlib.crc32(one.content) if one.checksum is None else one.checksum
    packed_size = len(packed) if one.packed_size is None else one.packed_size
    return checksum, packed_size, len(one.content) if one.size is None else one.size


def _local(one: Entry, packed: bytes) -> bytes:
    name = one.name if one.local_name is None else one.local_name
    numbers = (0, 0, 0) if one.flags & _MARKED else _numbers(one, packed)
    if one.local_sizes is not None:
        numbers = (numbers[0], *one.local_sizes)
    head = one.signature + _short(one.version) + _short(one.flags) + _short(one.method) + _long(0)
    lengths = _short(len(name)) + _short(len(one.local_extra))
    return head + b"".join(map(_long, numbers)) + lengths + name + one.local_extra


def _central(one: Entry, packed: bytes, offset: int) -> bytes:
    head = b"PK\x01\x02" + b"\x14\x03" + _short(one.version) + _short(one.flags) + _short(one.method) + _long(0)
    lengths = _short(len(one.name)) + _short(len(one.extra)) + _short(len(one.comment))
    rest = _short(0) + _short(0) + _long(one.mode << 16) + _long(offset)
    return head + b"".join(map(_long, _numbers(one, packed))) + lengths + rest + one.name + one.extra + one.comment


def _short(number: int) -> bytes:
    return number.to_bytes(2, "little")


def _long(number: int) -> bytes:
    return number.to_bytes(4, "little")
