"""Evidence of one answer as a JSON document: the answer's entry, what it cites, and the way of each cited version.

Every entry comes with its inclusion proof (RFC 6962) to one signed checkpoint. The bundle has no content: who also
has the answer can show that it is the one that was recorded.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from staithe.audit.limits import EVIDENCE_BYTES_MAX, EVIDENCE_ENTRIES_MAX
from staithe.audit.merkle import HASH_BYTES
from staithe.kernel.errors import Integrity
from staithe.kernel.provenance import CITATIONS_LISTED_MAX, CitedPassage

FORMAT: Final = "staithe/evidence/v1"
STEPS: Final = ("ingested", "sanitized", "embedded", "indexed")
"""The steps of a version, in the order of the flow; `embedded` may have further entries that list more chunks."""


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry of the log and the way from it to the root, sibling first."""

    leaf_index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CitedSteps:
    """What an answer cites, and the leaves that record how the cited version came about, by step."""

    cited: CitedPassage
    leaves: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """All that is needed to check an answer's way, but for the log's key."""

    answer_id: str
    checkpoint: bytes
    answer_leaf: int
    citations: tuple[CitedSteps, ...]
    entries: tuple[ProvenEntry, ...]
    salt: bytes | None = None
    """Opens the digests of the quotations; only the answer's caller and the query service know it."""

    def encode(self) -> bytes:
        """The document, UTF-8."""
        shown: dict[str, Any] = {
            "format": FORMAT,
            "answer_id": self.answer_id,
            "answer": self.answer_leaf,
            "citations": [_show_citation(each) for each in self.citations],
            "entries": [
                {"leaf_index": each.leaf_index, "entry": each.entry.decode(), "path": _show_path(each.path)}
                for each in self.entries
            ],
            "checkpoint": self.checkpoint.decode(),
        }
        if self.salt is not None:
            shown["salt"] = self.salt.hex()
        return json.dumps(shown, indent=1, ensure_ascii=False).encode()


def parse_bundle(document: bytes) -> EvidenceBundle:
    """The bundle in a document; raises Integrity when it is not one. Proves nothing: see `evidence.judge`."""
    if len(document) > EVIDENCE_BYTES_MAX:
        raise _malformed("it is larger than any bundle")
    try:
        shown: dict[str, Any] = json.loads(document)
        if shown["format"] != FORMAT:
            raise _malformed(f"its format is not {FORMAT}")
        entries, citations = shown["entries"], shown["citations"]
        if len(entries) > EVIDENCE_ENTRIES_MAX or len(citations) > CITATIONS_LISTED_MAX:
            raise _malformed("it has more entries or citations than any bundle")
        return EvidenceBundle(
            answer_id=str(shown["answer_id"]), checkpoint=shown["checkpoint"].encode(),
            answer_leaf=_leaf(shown["answer"]),
            citations=tuple(_read_citation(each) for each in citations),
            entries=tuple(
                ProvenEntry(_leaf(each["leaf_index"]), each["entry"].encode(), tuple(map(_hash, each["path"])))
                for each in entries
            ),
            salt=bytes.fromhex(shown["salt"]) if "salt" in shown else None,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _malformed("a member is missing or of the wrong kind") from error


def _show_citation(each: CitedSteps) -> dict[str, Any]:
    cited = each.cited
    return {
        "subject_sha256": cited.subject_sha256.hex(), "document_version": cited.document_version,
        "span": {"start": cited.span_start, "end": cited.span_end}, "quote_sha256": cited.quote_sha256.hex(),
        "chunk_sha256": [digest.hex() for digest in cited.chunk_sha256s],
        "access": {"tier": cited.tier, "basis": cited.basis},
        "steps": {step: list(each.leaves[step]) for step in STEPS},
    }  # fmt: skip


def _read_citation(shown: dict[str, Any]) -> CitedSteps:
    cited = CitedPassage(
        subject_sha256=bytes.fromhex(shown["subject_sha256"]), document_version=_leaf(shown["document_version"]),
        tier=_leaf(shown["access"]["tier"]), basis=str(shown["access"]["basis"]),
        span_start=_leaf(shown["span"]["start"]), span_end=_leaf(shown["span"]["end"]),
        quote_sha256=bytes.fromhex(shown["quote_sha256"]),
        chunk_sha256s=tuple(bytes.fromhex(digest) for digest in shown["chunk_sha256"]),
    )  # fmt: skip
    return CitedSteps(cited, {step: tuple(_leaf(each) for each in shown["steps"][step]) for step in STEPS})


def _show_path(path: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in path]


def _hash(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if len(value) != HASH_BYTES:
        raise ValueError("not a hash")
    return value


def _leaf(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("not a natural number")
    return value


def _malformed(why: str) -> Integrity:
    return Integrity(f"the evidence is malformed: {why}", reason_code="EVIDENCE_MALFORMED")
