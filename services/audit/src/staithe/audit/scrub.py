"""Holds what an index has now against what the log says was indexed."""

from collections.abc import Iterable

from staithe.audit.entry import decode_entry
from staithe.audit.reader import LogReader
from staithe.kernel.content import ChunkFacts, chunks_digest

Version = tuple[bytes, int]
"""A document's subject digest, and its version."""


class IndexedVersions:
    """The digest of every version's chunks, as indexing recorded it; the newest entry counts."""

    def __init__(self, digests: dict[Version, bytes]) -> None:
        self._digests = digests

    @classmethod
    def in_log(cls, reader: LogReader) -> "IndexedVersions":
        """Read from all entries of a log; raises Integrity when its files are not usable."""
        digests: dict[Version, bytes] = {}
        for _, entry in reader.numbered():
            if b'"action":"document.indexed"' not in entry:  # most entries: not worth taking apart
                continue
            event = decode_entry(entry)
            if event.subject_sha256 is not None and event.output_sha256 is not None:
                digests[event.subject_sha256, event.document_version] = event.output_sha256
        return cls(digests)

    def fault(self, version: Version, model_digest: bytes, chunks: Iterable[ChunkFacts]) -> str:
        """What is wrong with the chunks that an index has of a version, in words; nothing when they are as recorded.

        Texts are compared as sealed bytes, so no key is needed; vectors are not compared.
        """
        recorded = self._digests.get(version)
        if recorded is None:
            return "the log has no entry that this version was indexed"
        if chunks_digest(model_digest, chunks) != recorded:
            return "its chunks are not those that were indexed"
        return ""
