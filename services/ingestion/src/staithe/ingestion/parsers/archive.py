"""Open a ZIP archive in memory under limits, as data: entries are never extracted to a file system.

PKWARE APPNOTE 6.3. Checked before a byte is inflated: entry count, directory size, declared sizes and ratios, overlaps
(the trick of quine and overlapping bombs), encryption, methods, names. Checked while inflating: the real size.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from staithe.ingestion.parsers import limits
from staithe.ingestion.parsers.reasons import refusal

_EOCD: Final = b"PK\x05\x06"
_EOCD_BYTES: Final = 22
_LOCAL_HEADER_BYTES: Final = 30
_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_NAME_UNSAFE: Final = re.compile(r"^[/\\]|\\|^[A-Za-z]:|(?:^|/)\.\.(?:/|$)|[\x00-\x1f\x7f-\x9f]")
_NAME_CHARACTERS_MAX: Final = 255
_READ_BYTES: Final = 64 * 1024


class Archive:
    """A checked archive. Raises ZIP_INVALID, ZIP_LIMIT, ZIP_ENCRYPTED or ZIP_NAME_UNSAFE when it is not sound."""

    def __init__(self, content: bytes) -> None:
        count, directory = _check_directory(content)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, IndexError) as error:
            raise refusal("ZIP_INVALID") from error
        entries = self._zip.infolist()
        # zipfile reads to the end of the directory whatever the count says; other readers stop at the count.
        if len(entries) != count:
            raise refusal("ZIP_INVALID")
        _check_entries(entries)
        _check_layout(entries, content, directory)
        self._entries = {entry.filename.lower(): entry for entry in entries}

    @property
    def names(self) -> frozenset[str]:
        """Names in lower case: part names are equal without regard to case (ECMA-376 part 2, 6.2.2.3)."""
        return frozenset(self._entries)

    def read(self, name: str) -> Iterator[bytes]:
        """Pieces of one entry, inflated as they are taken; KeyError if there is none of that name."""
        entry = self._entries[name.lower()]
        done = 0
        try:
            with self._zip.open(entry) as part:
                while piece := part.read(_READ_BYTES):
                    done += len(piece)
                    if done > limits.ZIP_PART_BYTES_MAX:
                        raise refusal("ZIP_LIMIT")
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError) as error:
            raise refusal("ZIP_INVALID") from error
        # zipfile notices a size that is too small, by the checksum, but none that is too large.
        if done != entry.file_size:
            raise refusal("ZIP_INVALID")


def _check_directory(content: bytes) -> tuple[int, int]:
    """Entries and offset of the directory. Read before zipfile does: a million entries would cost seconds."""
    at = content.rfind(_EOCD)
    record = content[at : at + _EOCD_BYTES]
    if at < 0 or len(record) < _EOCD_BYTES:
        raise refusal("ZIP_INVALID")
    entries, size, offset = (int.from_bytes(record[a:b], "little") for a, b in ((10, 12), (12, 16), (16, 20)))
    # 0xFFFF and 0xFFFFFFFF announce ZIP64, which no document under the size limit needs.
    if entries > limits.ZIP_ENTRIES_MAX or size > limits.ZIP_DIRECTORY_BYTES_MAX:
        raise refusal("ZIP_LIMIT")
    if offset + size != at or int.from_bytes(record[4:8], "little") != 0 or record[8:10] != record[10:12]:
        raise refusal("ZIP_INVALID")
    return entries, offset


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    total = 0
    names: set[str] = set()
    for entry in entries:
        total += entry.file_size
        _check_name(entry)
        # Word opens parts without regard to case, so two names that differ by case are one part with two contents.
        if entry.filename.lower() in names or entry.compress_type not in _METHODS:
            raise refusal("ZIP_INVALID")
        names.add(entry.filename.lower())
        if entry.flag_bits & _ENCRYPTED:
            raise refusal("ZIP_ENCRYPTED")
        large = entry.file_size > limits.ZIP_RATIO_FREE_BYTES
        if large and entry.file_size > limits.ZIP_RATIO_MAX * max(1, entry.compress_size):
            raise refusal("ZIP_LIMIT")
    if len(entries) > limits.ZIP_ENTRIES_MAX or total > limits.ZIP_TOTAL_BYTES_MAX:
        raise refusal("ZIP_LIMIT")


def _check_name(entry: zipfile.ZipInfo) -> None:
    # zipfile cuts a name at NUL; the original is what other readers may see.
    for name in (entry.filename, entry.orig_filename):
        if not name or len(name) > _NAME_CHARACTERS_MAX or _NAME_UNSAFE.search(name):
            raise refusal("ZIP_NAME_UNSAFE")


def _check_layout(entries: list[zipfile.ZipInfo], content: bytes, directory: int) -> None:
    """Entries must lie one after another, all before the directory: shared bytes are how 10 MB becomes 281 TB."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise refusal("ZIP_INVALID")
        # Lengths of name and extra field are those of the local header: the directory may tell others.
        header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER_BYTES]
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        end = entry.header_offset + _LOCAL_HEADER_BYTES + lengths + entry.compress_size
    if end > directory:
        raise refusal("ZIP_INVALID")
