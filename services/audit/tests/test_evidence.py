"""Evidence of an answer: what is proven, and every break in the way that is found."""

import hashlib
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from staithe.audit.bundle import EvidenceBundle, parse_bundle
from staithe.audit.entry import encode_entry
from staithe.audit.evidence import judge
from staithe.audit.files import LogFiles
from staithe.audit.gather import ScanFinder, gather
from staithe.audit.log import TransparencyLog
from staithe.audit.merkle import inclusion_proof
from staithe.audit.notes import VerifierKey
from staithe.audit.reader import open_reader, read_checkpoint
from staithe.kernel.content import listed_chunks_digest
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import Integrity, Unavailable
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.provenance import BY_TIER, CitedPassage, quote_digest, spell_chunks, spell_citations
from staithe.kernel.vocabulary import DocumentId, TenantId

PAGE = Path(__file__).parents[3] / "docs" / "verify-without-staithe.md"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
ORIGIN = "audit.example/test"
SUBJECT = document_subject(TenantId("harbour"), DocumentId("leave"))
SALT, MODEL, QUOTE = b"s" * 32, b"m" * 32, "Everyone has 27 days."
CHUNKS = [hashlib.sha256(b"chunk %d" % i).digest() for i in range(5)]


def digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()


def an_id(number: int) -> str:
    return str(uuid.UUID(int=(1_700_000_000_000 + number) << 80 | 0x7 << 76 | 0b10 << 62 | number))


def step(number: int, action: str, **changes: Any) -> AuditEvent:
    event = AuditEvent(
        event_id=an_id(number), occurred_at=1_700_000_000_000 + number, service="embedding", action=action,
        outcome=Outcome.SUCCESS, tenant_id="harbour", subject_sha256=SUBJECT, document_version=5,
    )  # fmt: skip
    return replace(event, **changes)


@dataclass
class Story:
    """A version's way into the index and the answer that cites it; each part can be spoilt before it is logged."""

    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: tuple[str, ...] = ("ingested", "sanitized", "embedded", "more", "indexed", "answered")

    def __post_init__(self) -> None:
        made = listed_chunks_digest(MODEL, CHUNKS)
        model = {"model_digest": MODEL.hex()}
        cited = CitedPassage(
            subject_sha256=SUBJECT, document_version=5, tier=1, basis=BY_TIER, span_start=0, span_end=21,
            quote_sha256=quote_digest(SALT, QUOTE), chunk_sha256s=(CHUNKS[4],),
        )  # fmt: skip
        self.body = json.dumps(
            {"answer_id": an_id(9), "salt": SALT.hex(), "citations": [{"document_id": "leave", "quote": QUOTE}]}
        ).encode()
        self.cited = cited
        self.events = {
            "ingested": step(
                1, "document.ingested", input_sha256=digest("file"), output_sha256=digest("text"),
                attributes={"operation": "UPSERT"},
            ),
            "sanitized": step(
                2, "document.sanitized", input_sha256=digest("text"), output_sha256=digest("safe"),
                attributes={"policy_sha256": digest("policy").hex(), "record_sha256": digest("record").hex()},
            ),
            "embedded": step(
                3, "document.embedded", input_sha256=digest("safe"), output_sha256=made,
                attributes={**model, "chunk_count": "5", "chunks": spell_chunks(CHUNKS[:3])},
            ),
            "more": step(
                4, "chunks.listed", input_sha256=digest("safe"), output_sha256=made,
                attributes={**model, "ordinal": "3", "chunks": spell_chunks(CHUNKS[3:])},
            ),
            "indexed": step(
                5, "document.indexed", input_sha256=made, output_sha256=made, attributes={**model, "chunk_count": "5"}
            ),
            "answered": step(
                9, "query.answered", service="query", subject_sha256=digest("question"), document_version=0,
                output_sha256=hashlib.sha256(self.body).digest(),
                attributes={"citations": "1", "cited": spell_citations([cited]), "tier": "1"},
            ),
        }  # fmt: skip
        for name, changes in self.changes.items():
            self.events[name] = replace(self.events[name], **changes)

    def write(self, folder: Path, signer: Signer, *, noise: int = 300) -> Path:
        others = [step(1000 + i, "document.sanitized", subject_sha256=digest(f"other {i}")) for i in range(noise)]
        told = [self.events[name] for name in self.order]
        entries = [encode_entry(each) for each in [*others[: noise // 2], *told, *others[noise // 2 :]]]
        with TransparencyLog(folder, signer, ORIGIN) as log:
            log.append(entries)
        return folder


@pytest.fixture(scope="module")
def key(signer: Signer) -> VerifierKey:
    return VerifierKey(ORIGIN, signer.public_key)


def collect(folder: Path, key: VerifierKey) -> EvidenceBundle | None:
    reader = open_reader(LogFiles(folder), key)
    return gather(an_id(9), reader, read_checkpoint(LogFiles(folder)), ScanFinder(reader))


@pytest.fixture
def told(tmp_path: Path, signer: Signer) -> Callable[[Story], Path]:
    """Writes a story into a log of its own."""
    return lambda story: story.write(tmp_path / "told", signer)


@pytest.fixture
def good(tmp_path: Path, signer: Signer, key: VerifierKey) -> EvidenceBundle:
    bundle = collect(Story().write(tmp_path / "log", signer), key)
    assert bundle is not None
    return bundle


def test_answer_is_proven_back_to_the_bytes_of_the_source(good: EvidenceBundle, key: VerifierKey) -> None:
    proven = judge(parse_bundle(good.encode()), key, Story().body)
    [citation] = proven.citations
    assert citation.content_sha256 == digest("file").hex()
    assert citation.policy_sha256 == digest("policy").hex()
    assert citation.record_sha256 == digest("record").hex()
    assert citation.model_digest == MODEL.hex()
    assert proven.answer_sha256 == hashlib.sha256(Story().body).hexdigest()
    assert proven.answer_checked


def test_bundle_holds_no_word_of_the_document(good: EvidenceBundle) -> None:
    document = good.encode().decode()
    assert "27 days" not in document
    assert "leave" not in document
    assert SALT.hex() not in document


def test_answer_without_citations_is_proven_too(tmp_path: Path, signer: Signer, key: VerifierKey) -> None:
    story = Story({"answered": {"attributes": {"citations": "0", "tier": "1"}, "reason_code": "SUPPORT_LOW"}})
    bundle = collect(story.write(tmp_path / "log", signer), key)
    assert bundle is not None
    assert judge(bundle, key).citations == ()


def test_unknown_answer_has_no_evidence(tmp_path: Path, signer: Signer, key: VerifierKey) -> None:
    assert collect(Story(order=("ingested",)).write(tmp_path / "log", signer), key) is None


@pytest.mark.parametrize("missing", ["ingested", "sanitized", "embedded", "more", "indexed"])
def test_evidence_waits_for_every_step(missing: str, tmp_path: Path, signer: Signer, key: VerifierKey) -> None:
    order = tuple(name for name in Story().order if name != missing)
    with pytest.raises(Unavailable):
        collect(Story(order=order).write(tmp_path / "log", signer), key)


def spoilt(good: EvidenceBundle, change: Callable[[dict[str, Any]], object]) -> bytes:
    shown = json.loads(good.encode())
    change(shown)
    return json.dumps(shown).encode()


MODEL_B = {"model_digest": digest("other").hex(), "chunk_count": "5"}
STORIES: dict[str, dict[str, dict[str, Any]]] = {
    "sanitization from another text": {"sanitized": {"input_sha256": digest("x")}},
    "embedding from another text": {"embedded": {"input_sha256": digest("x")}, "more": {"input_sha256": digest("x")}},
    "indexing of other chunks": {"indexed": {"input_sha256": digest("x")}},
    "another tenant": {"sanitized": {"tenant_id": "millrace"}},
    "another version": {"sanitized": {"document_version": 6}},
    "another document": {"ingested": {"subject_sha256": digest("x")}},
    "a step that failed": {"embedded": {"outcome": Outcome.FAILURE}},
    "an erasure": {"ingested": {"attributes": {"operation": "ERASE"}}},
    "another model in the index": {"indexed": {"attributes": MODEL_B}},
    "a list that is cut": {"more": {"attributes": {
        "model_digest": MODEL.hex(), "ordinal": "3", "chunks": spell_chunks(CHUNKS[4:])}}},
    "a caller below the document's tier": {"answered": {"attributes": {
        "citations": "1", "cited": spell_citations([replace(Story().cited, tier=3)]), "tier": "1"}}},
    "an answer that cites more than it lists": {"answered": {"attributes": {
        "citations": "2", "cited": spell_citations([Story().cited]), "tier": "1"}}},
}  # fmt: skip
"""Histories that were signed all the same: inclusion alone would not tell."""


@pytest.mark.parametrize("name", STORIES)
def test_signed_history_with_a_broken_link_proves_nothing(
    name: str, good: EvidenceBundle, told: Callable[[Story], Path], key: VerifierKey, run: Run
) -> None:
    """The bundle of the good story, with each entry and proof taken from the bad story's log."""
    folder = told(Story(STORIES[name]))
    reader = open_reader(LogFiles(folder), key)
    entries = tuple(
        replace(each, entry=reader.entry(each.leaf_index), path=tuple(path_of(each.leaf_index, folder, key)))
        for each in good.entries
    )
    citations = good.citations
    if name == "a caller below the document's tier":
        citations = (replace(citations[0], cited=replace(citations[0].cited, tier=3)),)
    bad = replace(good, checkpoint=read_checkpoint(LogFiles(folder)), entries=entries, citations=citations)
    with pytest.raises(Integrity) as caught:
        judge(bad, key)
    assert caught.value.reason_code == "EVIDENCE_BROKEN"
    assert run(bad.encode()).returncode == 1


def path_of(leaf_index: int, folder: Path, key: VerifierKey) -> list[bytes]:
    reader = open_reader(LogFiles(folder), key)
    return inclusion_proof(leaf_index, reader.checkpoint.size, reader.node)


def first(shown: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = shown["entries"][0]
    return entry


TAMPERINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "entry changed": lambda b: first(b).update(entry=first(b)["entry"].replace("UPSERT", "ERASE")),
    "entry respelled": lambda b: first(b).update(entry=first(b)["entry"].replace(":", ": ", 1)),
    "entry moved": lambda b: first(b).update(leaf_index=first(b)["leaf_index"] - 1),
    "path cut": lambda b: first(b)["path"].pop(),
    "path longer": lambda b: first(b)["path"].append(first(b)["path"][0]),
    "entry missing": lambda b: b["entries"].pop(0),
    "entry twice": lambda b: b["entries"].append(first(b)),
    "checkpoint changed": lambda b: b.update(checkpoint=b["checkpoint"].replace("\n306\n", "\n307\n")),
    "checkpoint unsigned": lambda b: b.update(checkpoint=b["checkpoint"].split("\n\n")[0] + "\n\n"),
    "another answer": lambda b: b.update(answer_id=an_id(8)),
    "answer's entry is another": lambda b: b.update(answer=first(b)["leaf_index"]),
    "citation dropped": lambda b: b["citations"].clear(),
    "citation of another chunk": lambda b: b["citations"][0].update(chunk_sha256=[CHUNKS[0].hex()]),
    "citation of other characters": lambda b: b["citations"][0]["span"].update(end=22),
    "citation of another version": lambda b: b["citations"][0].update(document_version=6),
    "citation for another tier": lambda b: b["citations"][0]["access"].update(tier=2),
    "step dropped": lambda b: b["citations"][0]["steps"].update(sanitized=[]),
    "steps exchanged": lambda b: b["citations"][0]["steps"].update(
        sanitized=b["citations"][0]["steps"]["ingested"], ingested=b["citations"][0]["steps"]["sanitized"]
    ),
    "list of chunks shortened": lambda b: b["citations"][0]["steps"]["embedded"].pop(),
    "format of tomorrow": lambda b: b.update(format="staithe/evidence/v2"),
    "no document": lambda b: b.clear(),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampered_bundle_proves_nothing(name: str, good: EvidenceBundle, key: VerifierKey, run: Run) -> None:
    document = spoilt(good, TAMPERINGS[name])
    with pytest.raises(Integrity):
        judge(parse_bundle(document), key)
    assert run(document).returncode == 1


@pytest.mark.parametrize(
    "change",
    [
        {"salt": (b"t" * 32).hex()},
        {"citations": [{"document_id": "leave", "quote": QUOTE + "!"}]},
        {"citations": [{"document_id": "other", "quote": QUOTE}]},
        {"citations": []},
    ],
)
def test_answer_that_was_recorded_otherwise_is_found(
    change: dict[str, Any], tmp_path: Path, signer: Signer, key: VerifierKey
) -> None:
    """Even when its whole digest is in the log: what the body says must agree with what the entry says."""
    body = json.dumps(json.loads(Story().body) | change).encode()
    story = Story({"answered": {"output_sha256": hashlib.sha256(body).digest()}})
    bundle = collect(story.write(tmp_path / "log", signer), key)
    assert bundle is not None
    with pytest.raises(Integrity):
        judge(bundle, key, body)


def test_another_answer_is_found(good: EvidenceBundle, key: VerifierKey, run: Run) -> None:
    for body in (Story().body + b" ", b"", b"[]"):
        with pytest.raises(Integrity):
            judge(good, key, body)
        assert run(good.encode(), body).returncode == 1


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b"\xff", b"[" * 9000, b'{"format": 1}'])
def test_what_is_no_bundle_is_refused(document: bytes) -> None:
    with pytest.raises(Integrity):
        parse_bundle(document)


@pytest.fixture(scope="module")
def program() -> str:
    _, found = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def run(program: str, tmp_path: Path, key: VerifierKey) -> Run:
    (tmp_path / "evidence.py").write_text(program, encoding="utf-8")
    (tmp_path / "log.vkey").write_text(f"{key}\n")

    def check(document: bytes, *bodies: bytes) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "bundle.json").write_bytes(document)
        command: list[str | Path] = [sys.executable, "-I", tmp_path / "evidence.py"]
        command += [tmp_path / "bundle.json", tmp_path / "log.vkey"]
        for body in bodies:
            (tmp_path / "answer.json").write_bytes(body)
            command.append(tmp_path / "answer.json")
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return check


def test_the_program_on_the_page_accepts_it(good: EvidenceBundle, run: Run, program: str) -> None:
    result = run(good.encode(), Story().body)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("ok 1 ")
    assert len(program.splitlines()) <= 60
    assert "import staithe" not in program
    assert "from staithe" not in program
