# ruff: noqa: E501 (a table: one case reads best on one line)
"""Hostile ZIP structures: bombs, lies between header and directory, overlaps, names, streams that do not inflate."""

import struct
import zlib
from typing import Final

from document_samples import CONTENT_TYPES, docx_bytes, paragraph, pdf_bytes, word_part, zip_bytes
from hostile_cases import DOCX, MIB, PARSED, SMUGGLED, STOPPED, Hostile, case
from raw_zip import STORED, TYPES, Entry, Layout, deflated, document_zip, entry, main, raw_zip

_FULL: Final = 0xFFFFFFFF
_SYMLINK, _CHARACTER_DEVICE, _SETUID = 0o120777, 0o020666, 0o104755


def _part_of(content: bytes) -> bytes:
    return raw_zip(TYPES, entry(b"word/document.xml", content))


def _filled(padding: bytes) -> bytes:
    """A sound main part with `padding` in a comment."""
    return word_part(paragraph("x") + f"<!--{padding.decode()}-->")


def _many_bombs() -> bytes:
    """Each below the size from which a ratio counts; together past the total."""
    packed, checksum = deflated(bytes(MIB)), zlib.crc32(bytes(MIB))
    bombs = (entry(b"word/media/%d" % n, packed=packed, size=MIB, checksum=checksum) for n in range(300))
    return document_zip(*bombs)


def _ratio(times: int) -> bytes:
    """A picture of some 3 MiB at about this ratio: noise that does not pack, then zeros."""
    noise = b"".join(zlib.crc32(struct.pack("<I", n)).to_bytes(4, "little") for n in range(3 * MIB // times // 4))
    return document_zip(entry(b"word/media/a", noise + bytes(3 * MIB)))


def _stacked(layers: int) -> bytes:
    """A gzip in a gzip and so on, as the main part: opened once, not to the ground."""
    data = bytes(20 * MIB)
    for _ in range(layers):
        data = zlib.compress(data, 9)
    return _part_of(data)


def _zip64_extra(*numbers: int) -> bytes:
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def _zip64_records() -> bytes:
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2**40, 2**40, 2**40, 0)
    return document_zip(layout=Layout(after_directory=record + b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)))


def _two_archives(*, moved: bool) -> bytes:
    """One document behind another; `moved` corrects the offsets, so that the last is the whole."""
    first = raw_zip(TYPES, main(SMUGGLED))
    if not moved:
        return first + raw_zip(TYPES, main())
    return raw_zip(TYPES, main(), layout=Layout(before=first))


def _extra_quotes() -> bytes:
    """Each entry's local extra field swallows the next header (the extra-field form of the overlapping bomb)."""
    inner = entry(b"word/b", b"x")
    hidden = raw_zip(inner)[: 30 + 6]
    whole = document_zip(
        entry(b"word/a", b"x", local_extra=b"\xfe\xca" + struct.pack("<H", len(hidden)) + hidden), inner
    )
    at = whole.index(hidden)
    directory = whole.rindex(b"PK\x01\x02")
    return whole[: directory + 42] + struct.pack("<I", at) + whole[directory + 46 :]


def _header_in_data() -> bytes:
    """An entry that lies inside the stored bytes of another."""
    inner = raw_zip(entry(b"word/styles.xml", b"<a/>", method=STORED))[: 30 + 15 + 4]
    whole = document_zip(
        entry(b"word/media/a", inner, method=STORED), entry(b"word/styles.xml", b"<a/>", method=STORED)
    )
    directory = whole.rindex(b"PK\x01\x02")
    return whole[: directory + 42] + struct.pack("<I", whole.index(inner)) + whole[directory + 46 :]


def _swallows_directory() -> bytes:
    """The last entry claims the directory as its data."""
    whole = document_zip(entry(b"word/media/a", b"x", method=STORED))
    directory = whole.rindex(b"PK\x01\x02")
    sizes = struct.pack("<II", 60, 60)
    return whole[: directory + 20] + sizes + whole[directory + 28 :]


def _end_record_in_comment() -> bytes:
    """The comment of the archive holds a second end record, for an empty directory."""
    return document_zip(layout=Layout(comment=b"PK\x05\x06" + bytes(18)))


def _path_by_unicode_extra() -> bytes:
    """Info-ZIP's Unicode path: for readers that know it, the picture is the main part."""
    name = b"word/media/a"
    body = b"\x01" + struct.pack("<I", zlib.crc32(name)) + b"word/document.xml"
    return document_zip(entry(name, word_part(SMUGGLED), extra=struct.pack("<HH", 0x7075, len(body)) + body))


def _packed_main(packed: bytes, size: int) -> bytes:
    return raw_zip(TYPES, main(packed=packed, size=size))


def _named(name: bytes, flags: int = 0) -> bytes:
    return document_zip(entry(name, b"x", flags=flags))


_BOMBS: Final = (
    case("zip of 300 bombs, each below the free size", DOCX, _many_bombs, "ZIP_LIMIT"),
    case("ratio past the limit", DOCX, lambda: _ratio(500), "ZIP_LIMIT"),
    case("ratio below the limit", DOCX, lambda: _ratio(150), PARSED),
    case("bomb in a picture that nobody reads", DOCX, lambda: document_zip(entry(b"word/media/a", bytes(8 * MIB))), "ZIP_LIMIT"),
    case("1,000:1 below the free size", DOCX, lambda: document_zip(entry(b"word/media/a", bytes(MIB))), PARSED),
    case("bomb in the styles", DOCX, lambda: document_zip(entry(b"word/styles.xml", b"<a>" + b" " * (9 * MIB) + b"</a>")), "ZIP_LIMIT"),
    case("bomb in the list of types", DOCX, lambda: raw_zip(entry(b"[Content_Types].xml", CONTENT_TYPES + b" " * (9 * MIB)), main()), "ZIP_LIMIT"),
    case("stream in stream as main part", DOCX, lambda: _stacked(3), "XML_INVALID"),
    case("comment of 900 KB in the main part", DOCX, lambda: _part_of(_filled(b"A" * 900_000)), PARSED),
    case("20 MB of empty deflate blocks", DOCX, lambda: _packed_main(b"\0\0\0\xff\xff" * 4_000_000 + b"\x01\0\0\xff\xff", 0), "XML_INVALID", "ZIP_INVALID"),
    case("2,001 entries", DOCX, lambda: document_zip(*(entry(b"word/media/%d" % n) for n in range(1_999))), "ZIP_LIMIT"),
    case("2,000 entries", DOCX, lambda: document_zip(*(entry(b"word/media/%d" % n) for n in range(1_998))), PARSED),
    case("directory of comments", DOCX, lambda: document_zip(*(entry(b"word/%d" % n, comment=b"c" * 60_000) for n in range(20))), "ZIP_LIMIT"),
    case("document as its own picture, ten deep", DOCX, lambda: _matryoshka(10), PARSED),
)  # fmt: skip


def _matryoshka(depth: int) -> bytes:
    inner = docx_bytes()
    for _ in range(depth):
        inner = docx_bytes(more={"word/media/self.docx": inner})
    return inner


_LIES: Final = (
    case("directory says smaller, optional part", DOCX, lambda: document_zip(entry(b"word/styles.xml", b"<a>" + b" " * MIB + b"</a>", size=9)), "ZIP_INVALID", "XML_INVALID"),
    case("directory says larger", DOCX, lambda: raw_zip(TYPES, main(size=90_000)), "ZIP_INVALID"),
    case("local header says larger", DOCX, lambda: raw_zip(TYPES, main(local_sizes=(_FULL - 1, _FULL - 1))), PARSED, "ZIP_INVALID"),
    case("packed size too short", DOCX, lambda: raw_zip(TYPES, main(packed_size=20)), "ZIP_INVALID"),
    case("packed size past the end", DOCX, lambda: raw_zip(TYPES, main(packed_size=10**6)), "ZIP_INVALID"),
    case("checksum of nothing", DOCX, lambda: raw_zip(TYPES, main(checksum=0)), "ZIP_INVALID"),
    case("another name in the local header", DOCX, lambda: raw_zip(TYPES, main(local_name=b"word/styles12.xml")), "ZIP_INVALID"),
    case("local extra field to beyond the end", DOCX, lambda: raw_zip(TYPES, main(local_extra=b"\0" * 40)).replace(b"\x11\0\x28\0word", b"\x11\0\xff\xffword"), "ZIP_INVALID"),
    case("sizes after the data", DOCX, lambda: raw_zip(TYPES, main(flags=8, descriptor=b"PK\x07\x08" + bytes(12))), PARSED),
    case("sizes after the data, without mark", DOCX, lambda: raw_zip(TYPES, main(flags=8, descriptor=bytes(12))), PARSED),
    case("stored entry with sizes after the data", DOCX, lambda: raw_zip(TYPES, main(method=STORED, flags=8, descriptor=b"\xff" * 16)), PARSED),
    case("stored entry whose sizes differ", DOCX, lambda: raw_zip(TYPES, main(method=STORED, size=9)), "ZIP_INVALID", "XML_INVALID"),
    case("zip64 size of a terabyte", DOCX, lambda: raw_zip(TYPES, main(size=_FULL, extra=_zip64_extra(2**40))), "ZIP_LIMIT"),
    case("zip64 field cut off", DOCX, lambda: raw_zip(TYPES, main(size=_FULL, extra=b"\x01\0\x08\0\x01\x02")), "ZIP_INVALID", "ZIP_LIMIT"),
    case("zip64 offset past every file", DOCX, lambda: raw_zip(TYPES, main(offset=_FULL, extra=_zip64_extra(2**63))), "ZIP_INVALID"),
    case("zip64 records with other counts", DOCX, _zip64_records, "ZIP_INVALID"),
    case("count too low", DOCX, lambda: document_zip(layout=Layout(count=1)), "ZIP_INVALID"),
    case("count too high", DOCX, lambda: document_zip(layout=Layout(count=1_000)), "ZIP_INVALID"),
    case("directory of no bytes", DOCX, lambda: document_zip(layout=Layout(directory_bytes=0)), "ZIP_INVALID"),
    case("directory before the file", DOCX, lambda: document_zip(layout=Layout(directory_offset=_FULL - 1)), "ZIP_INVALID"),
    case("spread over disks", DOCX, lambda: document_zip(layout=Layout(disks=1)), "ZIP_INVALID"),
    case("junk in the directory", DOCX, lambda: document_zip(layout=Layout(more_directory=b"PK\x01\x03" + bytes(42))), "ZIP_INVALID"),
    case("wrong local signature", DOCX, lambda: raw_zip(TYPES, main(signature=b"PK\x03\x03")), "ZIP_INVALID"),
    case("second end record in the comment", DOCX, _end_record_in_comment, "ZIP_INVALID"),
    case("comment of 65,535 bytes", DOCX, lambda: document_zip(layout=Layout(comment=b"c" * 65_535)), PARSED),
    case("version that nobody wrote", DOCX, lambda: raw_zip(TYPES, main(version=255)), "ZIP_INVALID"),
    case("patched data flag", DOCX, lambda: raw_zip(TYPES, main(flags=0x20)), "ZIP_INVALID"),
    case("name by Unicode extra field", DOCX, _path_by_unicode_extra, PARSED, "ZIP_INVALID"),
)  # fmt: skip
_OVERLAPS: Final = (
    case("local extra field over the next entry", DOCX, _extra_quotes, "ZIP_INVALID"),
    case("entry in the data of another", DOCX, _header_in_data, "ZIP_INVALID"),
    case("entry that swallows the directory", DOCX, _swallows_directory, "ZIP_INVALID"),
    case("two names for one entry", DOCX, lambda: document_zip(entry(b"word/styles.xml", b"x", offset=0)), "ZIP_INVALID"),
    case("two entries of one name", DOCX, lambda: document_zip(main(SMUGGLED)), "ZIP_INVALID"),
    case("two entries that differ by case", DOCX, lambda: document_zip(entry(b"WORD/Document.XML", b"x")), "ZIP_INVALID"),
    case("bytes between the entries", DOCX, lambda: document_zip(layout=Layout(gap=b"PK\x03\x04" + SMUGGLED.encode() * 100)), PARSED),
    case("archive behind an archive", DOCX, lambda: _two_archives(moved=False), "ZIP_INVALID"),
    case("archive behind an archive, corrected", DOCX, lambda: _two_archives(moved=True), PARSED, "ZIP_INVALID"),
    case("archive that unpacks itself", DOCX, lambda: b"MZ" + bytes(998) + docx_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("bytes after the archive", DOCX, lambda: docx_bytes() + b"\n<html>", "CONTENT_TYPE_MISMATCH"),
    case("archive without entries", DOCX, lambda: b"PK\x05\x06" + bytes(18), "CONTENT_TYPE_MISMATCH"),
    case("mark of a spanned archive", DOCX, lambda: b"PK\x07\x08" + docx_bytes(), "CONTENT_TYPE_MISMATCH"),
    case("PDF in a stored first entry", DOCX, lambda: raw_zip(entry(b"a", pdf_bytes(), method=STORED), TYPES, main()), "CONTENT_TYPE_MISMATCH"),
    case("web page in the archive comment", DOCX, lambda: document_zip(layout=Layout(comment=b"<script>SMUGGLED</script>")), PARSED),
    case("encrypted Word container", DOCX, lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le"), "CONTENT_TYPE_MISMATCH"),
    case("OpenDocument as DOCX", DOCX, lambda: zip_bytes({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"}), "DOCX_INVALID"),
)  # fmt: skip
_NAMES: Final = (
    *(case(f"zip name {name!r}", DOCX, lambda name=name: _named(name), "ZIP_NAME_UNSAFE")
      for name in (b"..", b"word/a/../../../x", b"word/..", b"//server/share/x", b"\\\\server\\share\\x", b"c:x",
                   b"word/document.xml\0.png", b"word/a\x7f", b"", b"word/a\r\n.xml")),
    case("control character of C1 in a name", DOCX, lambda: _named("word/a\x9b31m".encode(), 0x800), "ZIP_NAME_UNSAFE"),
    case("overlong UTF-8 in a name", DOCX, lambda: _named(b"\xc0\xae\xc0\xae/x", 0x800), "ZIP_INVALID"),
    *(case(f"harmless zip name {name!r}", DOCX, lambda name=name: _named(name.encode(), 0x800), PARSED)
      for name in ("word/CON", "aux.xml", "word/document.xml::$DATA", "word/document.xml. ", "%2e%2e/%2e%2e/x", "\uff0e\uff0e\uff0fx",
                   "word/gpj.\u202excod", "~root/x", "-rf", "$(id)", "./word/document.xml")),
    case("symbolic link beside the main part", DOCX, lambda: document_zip(entry(b"word/a", b"/etc/passwd", mode=_SYMLINK)), PARSED),
    case("symbolic link as main part", DOCX, lambda: raw_zip(TYPES, entry(b"word/document.xml", b"/etc/passwd", mode=_SYMLINK)), "XML_INVALID"),
    case("link for a folder, then a file in it", DOCX, lambda: document_zip(entry(b"word/l", b"/etc", mode=_SYMLINK), entry(b"word/l/x", b"x")), PARSED),
    case("character device as entry", DOCX, lambda: document_zip(entry(b"word/zero", mode=_CHARACTER_DEVICE)), PARSED),
    case("program with the right of its owner", DOCX, lambda: document_zip(entry(b"word/run", b"\x7fELF", mode=_SETUID)), PARSED),
    case("folder as main part", DOCX, lambda: raw_zip(TYPES, entry(b"word/document.xml/", b"")), "DOCX_INVALID"),
)  # fmt: skip


def _encrypted(flags: int, method: int = 8) -> bytes:
    return document_zip(entry(b"word/media/a", b"x", flags=flags, method=method))


def _two_lengths() -> Entry:
    return main(packed=b"\x01\x05\x00\x00\x00hello", size=5)


_STREAMS: Final = (
    case("one encrypted picture", DOCX, lambda: _encrypted(0x0001), "ZIP_ENCRYPTED"),
    case("strong encryption", DOCX, lambda: _encrypted(0x0040), "ZIP_ENCRYPTED"),
    case("masked headers", DOCX, lambda: _encrypted(0x2000), "ZIP_ENCRYPTED"),
    case("AES method", DOCX, lambda: _encrypted(0x0001, 99), "ZIP_ENCRYPTED", "ZIP_INVALID"),
    case("deflate64 method", DOCX, lambda: raw_zip(TYPES, main(method=9)), "ZIP_INVALID"),
    case("method that nobody defined", DOCX, lambda: document_zip(entry(b"word/a", b"x", method=0xFFFF)), "ZIP_INVALID"),
    case("deflate stream cut off", DOCX, lambda: _packed_main(deflated(b"<a/>" * 999)[:-9], 3996), "ZIP_INVALID", "XML_INVALID"),
    case("deflate block of two lengths", DOCX, lambda: raw_zip(TYPES, _two_lengths()), "ZIP_INVALID"),
    case("deflate distance before the start", DOCX, lambda: _packed_main(bytes.fromhex("4b04820000"), 9), "ZIP_INVALID"),
    case("deflate block of the reserved type", DOCX, lambda: _packed_main(b"\x07" * 9, 9), "ZIP_INVALID"),
    case("zlib header where none belongs", DOCX, lambda: _packed_main(zlib.compress(b"<a/>"), 4), "ZIP_INVALID"),
    case("bytes after the deflate stream", DOCX, lambda: raw_zip(TYPES, main(packed=deflated(word_part(paragraph("Delivery takes ten days."))) + b"<x>" * 99)), PARSED, "ZIP_INVALID"),
    case("64 KB extra field", DOCX, lambda: document_zip(entry(b"word/a", b"x", extra=b"\xfe\xca\xf0\xff" + bytes(0xFFF0))), PARSED),
    case("noise as deflate", DOCX, lambda: _packed_main(bytes(range(256)) * 40, 10_240), "ZIP_INVALID", *STOPPED[2:]),
)  # fmt: skip

CASES: Final[tuple[Hostile, ...]] = (*_BOMBS, *_LIES, *_OVERLAPS, *_NAMES, *_STREAMS)
