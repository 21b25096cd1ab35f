"""Judges a bundle of evidence with nothing but the log's key: inclusion of each entry, and every link between them.

What a good bundle shows: the log's owner recorded this answer, citing these stored chunks; they are among those made
by that model from the text that sanitization passed on under that policy, which is what ingestion read in the
source's bytes of that digest. It does not show that a stage's code was right, nor that the quotation is in the chunk.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from staithe.audit.bundle import STEPS, CitedSteps, EvidenceBundle
from staithe.audit.citations import parse_chunks, parse_citations
from staithe.audit.entry import decode_entry
from staithe.audit.merkle import leaf_hash, verify_inclusion
from staithe.audit.notes import Checkpoint, VerifierKey, open_checkpoint
from staithe.kernel.content import listed_chunks_digest
from staithe.kernel.errors import Integrity
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.provenance import quote_digest
from staithe.kernel.vocabulary import DocumentId, TenantId

ANSWERED: Final = "query.answered"
MORE_CHUNKS: Final = "chunks.listed"


@dataclass(frozen=True, slots=True)
class ProvenCitation:
    """A citation with what its way shows; digests are hexadecimal."""

    subject_sha256: str
    document_version: int
    content_sha256: str
    """Of the bytes that the source handed over."""
    policy_sha256: str
    record_sha256: str
    """Of the record of what sanitization found and did, empty where there is none."""
    model_digest: str
    tier: int
    basis: str


@dataclass(frozen=True, slots=True)
class ProvenAnswer:
    """What a good bundle shows. `answer_checked`: the answer itself was held against it, quotations included."""

    answer_id: str
    tenant_id: str
    occurred_at: int
    answer_sha256: str
    caller_tier: str
    caller_hmac: str
    checkpoint: Checkpoint
    citations: tuple[ProvenCitation, ...]
    answer_checked: bool


def judge(bundle: EvidenceBundle, key: VerifierKey, answer: bytes | None = None) -> ProvenAnswer:
    """What `bundle` proves under `key`; raises Integrity with the first thing that does not hold.

    `answer` is the body of the response, byte for byte as it was received.
    """
    head = open_checkpoint(bundle.checkpoint, key)
    events = _proven_events(bundle, head)
    answered = _event(events, bundle.answer_leaf)
    _require(answered.action == ANSWERED, "the entry called the answer is not one")
    _require(answered.event_id == bundle.answer_id, "the entry is that of another answer")
    recorded = parse_citations(answered.attributes["cited"]) if "cited" in answered.attributes else ()
    _require(
        tuple(each.cited for each in bundle.citations) == recorded, "the citations are not those of the answer's entry"
    )
    _require(
        str(len(recorded)) == answered.attributes.get("citations"), "the answer's entry does not list all citations"
    )
    citations = tuple(_judge_citation(each, events, answered, bundle.answer_leaf) for each in bundle.citations)
    _require(_leaves_of(bundle) == set(events), "there are entries that no citation needs")
    if answer is not None:
        _judge_answer(answer, answered, bundle)
    return ProvenAnswer(
        answer_id=bundle.answer_id, tenant_id=answered.tenant_id, occurred_at=answered.occurred_at,
        answer_sha256=_hex(answered.output_sha256), caller_tier=answered.attributes.get("tier", ""),
        caller_hmac=answered.attributes.get("caller_hmac", ""), checkpoint=head, citations=citations,
        answer_checked=answer is not None,
    )  # fmt: skip


def _proven_events(bundle: EvidenceBundle, head: Checkpoint) -> dict[int, AuditEvent]:
    """The event of every entry, each proven to be at its place in the signed tree."""
    events: dict[int, AuditEvent] = {}
    for each in bundle.entries:
        verify_inclusion(leaf_hash(each.entry), each.leaf_index, head.size, each.path, head.root)
        events[each.leaf_index] = decode_entry(each.entry)
    _require(len(events) == len(bundle.entries), "an entry is there twice")
    return events


def _judge_citation(
    steps: CitedSteps, events: dict[int, AuditEvent], answered: AuditEvent, answer_leaf: int
) -> ProvenCitation:
    cited = steps.cited
    way = {step: [_event(events, leaf) for leaf in steps.leaves[step]] for step in STEPS}
    for step, found in way.items():
        _require(bool(found) and (step == "embedded" or len(found) == 1), f"the way has no one entry '{step}'")
        _require(found[0].action == f"document.{step}", f"the entry called '{step}' is another one")
        for event in found:
            same = (event.subject_sha256, event.document_version) == (cited.subject_sha256, cited.document_version)
            _require(same, f"the entry '{step}' is about another version")
            _require(event.tenant_id == answered.tenant_id, f"the entry '{step}' is of another tenant")
            _require(event.outcome is Outcome.SUCCESS, f"the step '{step}' did not succeed")
    order = [leaf for step in STEPS for leaf in steps.leaves[step]]
    _require([*order, answer_leaf] == sorted({*order, answer_leaf}), "the steps are not in the order of the flow")
    (ingested,), (sanitized,), (indexed,) = way["ingested"], way["sanitized"], way["indexed"]
    embedded = way["embedded"][0]
    _require(_linked(ingested, sanitized), "sanitization did not start from what ingestion passed on")
    _require(_linked(sanitized, embedded), "embedding did not start from what sanitization passed on")
    _require(_linked(embedded, indexed), "indexing did not start from what embedding passed on")
    _require(ingested.attributes.get("operation") == "UPSERT", "the version is an erasure")
    model = embedded.attributes.get("model_digest", "")
    _require(model == indexed.attributes.get("model_digest"), "embedding and indexing name different models")
    listed = listed_chunks(way["embedded"])
    _require(
        embedded.output_sha256 == listed_chunks_digest(bytes.fromhex(model), listed), "the list of chunks is wrong"
    )
    _require(set(cited.chunk_sha256s) <= set(listed), "the cited chunk is not one of the version")
    _require(str(cited.tier) <= answered.attributes.get("tier", ""), "the document is above the caller's tier")
    return ProvenCitation(
        cited.subject_sha256.hex(), cited.document_version, _hex(ingested.input_sha256),
        sanitized.attributes.get("policy_sha256", ""), sanitized.attributes.get("record_sha256", ""), model,
        cited.tier, cited.basis,
    )  # fmt: skip


def listed_chunks(embedded: Sequence[AuditEvent]) -> list[bytes]:
    """The digests of a version's chunks from the entry of its embedding and those that go on with the list.

    Raises Integrity when they do not belong together; that the list is whole only its digest shows.
    """
    first, listed = embedded[0], list[bytes]()
    for event in embedded:
        facts = (event.input_sha256, event.output_sha256, event.attributes.get("model_digest"))
        same = facts == (first.input_sha256, first.output_sha256, first.attributes.get("model_digest"))
        _require(same and (event is first or event.action == MORE_CHUNKS), "the list of chunks does not fit together")
        listed += parse_chunks(event.attributes["chunks"]) if "chunks" in event.attributes else ()
    return listed


def _judge_answer(body: bytes, answered: AuditEvent, bundle: EvidenceBundle) -> None:
    """Hold the answer as received against its entry: its digest, and each quotation."""
    _require(hashlib.sha256(body).digest() == answered.output_sha256, "the answer is not the one that was recorded")
    try:
        shown: dict[str, Any] = json.loads(body)
        salt, quotations = bytes.fromhex(shown["salt"]), shown["citations"]
        _require(bundle.salt in (None, salt), "the evidence has another salt than the answer")
        for shown_citation, each in zip(quotations, bundle.citations, strict=True):
            document = DocumentId(shown_citation["document_id"])
            of_document = document_subject(TenantId(answered.tenant_id), document) == each.cited.subject_sha256
            _require(of_document, "a quotation is of another document")
            quoted = quote_digest(salt, shown_citation["quote"]) == each.cited.quote_sha256
            _require(quoted, "a quotation is not the one that was recorded")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _broken("the answer is not one of this service") from error


def _leaves_of(bundle: EvidenceBundle) -> set[int]:
    needed = {leaf for each in bundle.citations for leaves in each.leaves.values() for leaf in leaves}
    return needed | {bundle.answer_leaf}


def _event(events: dict[int, AuditEvent], leaf_index: int) -> AuditEvent:
    event = events.get(leaf_index)
    if event is None:
        raise _broken("an entry that it names is missing")
    return event


def _linked(before: AuditEvent, after: AuditEvent) -> bool:
    return before.output_sha256 is not None and before.output_sha256 == after.input_sha256


def _hex(digest: bytes | None) -> str:
    return digest.hex() if digest is not None else ""


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _broken(otherwise)


def _broken(what: str) -> Integrity:
    return Integrity(f"the evidence does not hold: {what}", reason_code="EVIDENCE_BROKEN")
