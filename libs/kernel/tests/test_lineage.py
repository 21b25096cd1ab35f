"""Lineage: every splice, cut, swap, relabelling and forgery is refused."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kernel_samples import DOCUMENT, reason

from staithe.kernel.content import chunks_digest, text_digest
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.events import Chunk, DocumentIndexed
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, load_trusted_keys, sha256
from staithe.kernel.vocabulary import Access, Classification, Operation, Tier

STAGES = ("ingestion", "sanitization", "embedding")
SIGNERS = {service: Signer.generate() for service in STAGES}
KEYS = {service: signer.public_key for service, signer in SIGNERS.items()}
OUTPUTS = [sha256(service.encode()) for service in STAGES]


def author(service: str) -> LineageAuthor:
    return LineageAuthor(service=service, code_version=f"{service}/1", signer=SIGNERS[service])


def travelled(**changes: Any) -> DocumentIndexed:
    """A document that has been through every stage."""
    event = DocumentIndexed(
        **{**DOCUMENT, "lineage": (), **changes}, source="wiki", model_digest=b"m" * 32, chunk_count=1
    )
    before = event.content_sha256
    for service, output in zip(STAGES, OUTPUTS, strict=True):
        lineage = author(service).extended(event, event.lineage, input_sha256=before, output_sha256=output)
        event, before = replace(event, lineage=lineage), output
    return event


def verify(event: DocumentIndexed, output: bytes = OUTPUTS[-1]) -> None:
    LineageVerifier(expected=STAGES, keys=KEYS).verify(event, output_sha256=output)


def refused(event: DocumentIndexed, output: bytes = OUTPUTS[-1]) -> str:
    with pytest.raises(InvalidEvent) as refusal:
        verify(event, output)
    return reason(refusal)


def test_whole_lineage_is_accepted() -> None:
    verify(travelled())


@pytest.mark.parametrize(
    "pick",
    [(), (0,), (0, 1), (1, 2), (0, 2), (0, 1, 2, 2), (1, 0, 2), (2, 1, 0), (0, 0, 0), (0, 1, 2) * 3],
)
def test_cut_repeated_or_reordered_steps_are_refused(pick: tuple[int, ...]) -> None:
    event = travelled()
    assert refused(replace(event, lineage=tuple(event.lineage[index] for index in pick))) == "LINEAGE_STAGES"


@pytest.mark.parametrize("index", range(3))
def test_step_spliced_in_from_another_document_is_refused(index: int) -> None:
    mine, other = travelled(), travelled(document_id="other")
    lineage = [*mine.lineage]
    lineage[index] = other.lineage[index]
    assert refused(replace(mine, lineage=tuple(lineage))) == "LINEAGE_FORGED"


def test_whole_lineage_of_another_document_is_refused() -> None:
    assert refused(replace(travelled(), lineage=travelled(document_id="other").lineage)) == "LINEAGE_FORGED"


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant_id": "millrace"},
        {"document_id": "other"},
        {"document_version": 8},
        {"operation": Operation.ERASE},
        {"retention_until": None},
        {"retention_until": 5},
        {"residency": "us"},
        {"access": Access(Tier.OFFICE, ("board", "hr"), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, (), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, ("board",), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, ("board\nhr",), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, ("boardhr",), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, ("hr", "board"), Classification.CONFIDENTIAL)},
        {"access": Access(Tier.ANALYTICS, ("board", "hr"), Classification.PUBLIC)},
    ],
)
def test_relabelled_document_is_refused(changes: dict[str, Any]) -> None:
    assert refused(replace(travelled(), **changes)) == "LINEAGE_FORGED"


def test_other_original_content_is_refused() -> None:
    assert refused(replace(travelled(), content_sha256=b"x" * 32)) == "LINEAGE_UNLINKED"


def test_other_present_content_is_refused() -> None:
    assert refused(travelled(), b"x" * 32) == "LINEAGE_CONTENT"


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_version": "ingestion/2"}, "LINEAGE_FORGED"),
        ({"signature": b"\0" * 64}, "LINEAGE_FORGED"),
        ({"signature": b""}, "LINEAGE_FORGED"),
        ({"input_sha256": b"x" * 32}, "LINEAGE_UNLINKED"),
        ({"service": "query"}, "LINEAGE_STAGES"),
    ],
)
def test_changed_step_is_refused(index: int, changes: dict[str, Any], code: str) -> None:
    event = travelled()
    lineage = [*event.lineage]
    lineage[index] = replace(lineage[index], **changes)
    assert refused(replace(event, lineage=tuple(lineage))) == code


def test_stage_cannot_sign_for_another() -> None:
    event = travelled()
    impostor = LineageAuthor(service="ingestion", code_version="ingestion/1", signer=SIGNERS["embedding"])
    forged = impostor.extended(event, (), input_sha256=event.content_sha256, output_sha256=OUTPUTS[0])
    assert refused(replace(event, lineage=(*forged, *event.lineage[1:]))) == "LINEAGE_FORGED"


def test_honest_first_step_with_other_successors_is_refused() -> None:
    event = travelled()
    other = author("ingestion").extended(
        replace(event, residency="us"), (), input_sha256=event.content_sha256, output_sha256=OUTPUTS[0]
    )
    assert refused(replace(event, lineage=(*other, *event.lineage[1:]))) == "LINEAGE_FORGED"


def test_verifier_without_a_stage_key_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="embedding") as refusal:
        LineageVerifier(expected=STAGES, keys={name: KEYS[name] for name in STAGES[:2]})
    assert reason(refusal) == "TRUST_INCOMPLETE"


def test_trust_file_holds_public_keys_by_service(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps({name: base64.b64encode(key).decode() for name, key in KEYS.items()}))
    assert load_trusted_keys(path) == KEYS


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a": 5}', '{"a": null}', '{"a": "!!"}', '{"a": "AAAA"}', "\xff"]
)
def test_unusable_trust_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"trust\.json") as refusal:
        load_trusted_keys(path)
    assert reason(refusal) == "TRUST_UNREADABLE"
    with pytest.raises(ConfigurationError):
        load_trusted_keys(tmp_path / "missing.json")


def test_nothing_moves_between_the_fields_of_a_text() -> None:
    whole = text_digest(name="a", title="b", text="c")
    for name, title, text in [("ab", "", "c"), ("a", "bc", ""), ("", "a", "bc"), ("a", "b", "c "), ("b", "a", "c")]:
        assert text_digest(name=name, title=title, text=text) != whole


@pytest.mark.parametrize("changes", [{"ordinal": 1}, {"span_start": 1}, {"span_end": 5}, {"text_sha256": b"u" * 32}])
def test_digest_of_chunks_covers_order_spans_and_texts(changes: dict[str, Any]) -> None:
    chunk = Chunk(ordinal=0, span_start=0, span_end=4, text_sha256=b"t" * 32, sealed_text=b"s", embedding=b"e")
    digest = chunks_digest(b"m" * 32, [chunk])
    assert chunks_digest(b"m" * 32, [replace(chunk, **changes)]) != digest
    assert chunks_digest(b"n" * 32, [chunk]) != digest
    assert chunks_digest(b"m" * 32, [chunk, chunk]) != digest
    assert chunks_digest(b"m" * 32, []) != digest
