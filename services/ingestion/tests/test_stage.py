"""Ingestion: checked before parsed, sealed to sanitization, the version deterministic, the step signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from staithe.ingestion.policy import ERASED_ACCESS
from staithe.ingestion.stage import INGESTED_TOPIC, IngestionStage
from staithe.ingestion.submission import checked_in, sealed
from staithe.kernel.content import NOTHING_TO_READ, Readable, text_digest
from staithe.kernel.crypto.sealing import KeyringOpener, KeyringSealer, SealContext, generate_private_key, public_key_of
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import InvalidEvent, StaitheError, Unavailable
from staithe.kernel.events import AuditEvent, ContentClaim, DocumentIngested, DocumentSubmitted, Event
from staithe.kernel.limits import CLAIM_BYTES_MAX, DOCUMENT_BYTES_MAX
from staithe.kernel.lineage import LineageAuthor, LineageVerifier, sha256
from staithe.kernel.stream.settle import AUDIT_TOPIC, Emit
from staithe.kernel.vocabulary import Access, Classification, DocumentId, Operation, TenantId, Tier

NOW_MS = 1_790_000_000_000
SIGNER, PRIVATE = Signer.generate(), generate_private_key()
OPENER = KeyringOpener({"document": {"harbour": PRIVATE}, "submission": {"harbour": PRIVATE}})
SEALER = KeyringSealer({purpose: {"harbour": public_key_of(PRIVATE)} for purpose in ("document", "submission")})
UPSERT = DocumentSubmitted(
    event_id="e", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), occurred_at=NOW_MS - 5,
    access=Access(Tier.ANALYTICS, ("hr", "board"), Classification.INTERNAL), retention_until=NOW_MS + 1,
    content=b"secret content", content_type="text/plain", name="leave.txt", source="wiki",
)  # fmt: skip
ERASE = replace(UPSERT, operation=Operation.ERASE, access=None, content=b"")


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


@dataclass
class FakeParsed:
    text: str
    title: str | None = None
    content_type: str = "text/plain"
    signals: Mapping[str, int] = field(default_factory=lambda: {"pages": 2})


class FakeParser:
    def __init__(self, title: str | None = "Title", text: str | None = None) -> None:
        self.title, self.text, self.calls = title, text, 0
        self.failure: StaitheError | None = None

    def parse(self, content: bytes, declared: str) -> FakeParsed:
        self.calls += 1
        assert declared == "text/plain"
        if self.failure:
            raise self.failure
        return FakeParsed(content.decode() if self.text is None else self.text, self.title)


class FakeObjects:
    """One object, as large documents wait in."""

    def __init__(self, sealed_content: bytes = b"", failure: StaitheError | None = None) -> None:
        self.sealed_content, self.failure = sealed_content, failure

    def put(self, _: DocumentSubmitted, sealed: bytes) -> ContentClaim:
        self.sealed_content = sealed
        return ContentClaim(sealed_bytes=len(sealed), sealed_sha256=sha256(sealed))

    def get(self, _: DocumentSubmitted) -> bytes:
        if self.failure:
            raise self.failure
        return self.sealed_content


class FakeLimits:
    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max

    def document_bytes_max(self, _: TenantId) -> int:
        return self.bytes_max


def run(
    event: Event, parser: FakeParser | None = None, objects: FakeObjects | None = None,
    bytes_max: int = CLAIM_BYTES_MAX,
) -> Sequence[Emit]:  # fmt: skip
    stage = IngestionStage(
        parser or FakeParser(), objects=objects or FakeObjects(), limits=FakeLimits(bytes_max), opener=OPENER,
        sealer=SEALER, clock=FakeClock(),
        author=LineageAuthor(service="ingestion", code_version="ingestion/1", signer=SIGNER),
    )  # fmt: skip
    return stage(event, ())


def ingested(event: DocumentSubmitted, parser: FakeParser | None = None) -> DocumentIngested:
    made = run(event, parser)[0].event
    assert isinstance(made, DocumentIngested)
    return made


def verify(event: DocumentIngested, digest: bytes) -> None:
    LineageVerifier(expected=("ingestion",), keys={"ingestion": SIGNER.public_key}).verify(event, output_sha256=digest)


def test_text_is_sealed_to_sanitization_and_nothing_else_carries_it() -> None:
    emits = run(UPSERT)
    assert [each.topic for each in emits] == [INGESTED_TOPIC, AUDIT_TOPIC]
    event = ingested(UPSERT)
    opened = OPENER.open(SealContext("document", "harbour", "leave", NOW_MS - 5), event.sealed_text)
    assert Readable.decode(opened) == Readable("leave.txt", "Title", "secret content")
    assert "secret" not in repr(emits)
    assert "leave.txt" not in repr(emits)


def test_sealed_upload_gives_the_same_as_one_in_clear() -> None:
    upload = sealed(replace(UPSERT, document_version=7), SEALER)
    assert (upload.name, upload.content) == ("", b"")
    assert "secret" not in repr(upload)
    verify(ingested(upload), text_digest(name="leave.txt", title="Title", text="secret content"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"document_version": 8}, "SEAL_BROKEN"),
        ({"document_id": DocumentId("other")}, "SEAL_BROKEN"),
        ({"sealed_content": b"\x01garbage"}, "SEAL_BROKEN"),
        ({"content": b"both"}, "CONTENT_TWICE"),
        ({"name": "both"}, "CONTENT_TWICE"),
        ({"operation": Operation.ERASE}, "ERASURE_WITH_CONTENT"),
    ],
)
def test_upload_that_is_not_what_the_api_sealed_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        run(replace(sealed(replace(UPSERT, document_version=7), SEALER), **changes))
    assert refusal.value.reason_code == code


LARGE = replace(UPSERT, document_version=7, content=b"large " * 100_000)


def claiming(event: DocumentSubmitted = LARGE) -> tuple[DocumentSubmitted, FakeObjects]:
    """The event that the upload API makes of a large document, and the store with its content."""
    objects = FakeObjects()
    made = checked_in(sealed(event, SEALER), objects)
    assert made.claim is not None
    assert (made.name, made.content, made.sealed_content) == ("", b"", None)
    return made, objects


def test_large_document_gives_the_same_as_if_it_had_travelled() -> None:
    event, objects = claiming()
    made = run(event, FakeParser(text="what can be read of it"), objects)[0].event
    assert isinstance(made, DocumentIngested)
    assert made.content_sha256 == sha256(LARGE.content)
    assert "large" not in repr(event)


def test_what_an_event_holds_is_not_stored() -> None:
    small = sealed(replace(UPSERT, document_version=7, content=b"x" * DOCUMENT_BYTES_MAX), SEALER)
    assert checked_in(small, FakeObjects()) is small


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"document_version": 8}, "SEAL_BROKEN"),
        ({"document_id": DocumentId("other")}, "SEAL_BROKEN"),
        ({"content": b"both"}, "CONTENT_TWICE"),
        ({"sealed_content": b"both"}, "CONTENT_TWICE"),
        ({"name": "both"}, "CONTENT_TWICE"),
        ({"operation": Operation.ERASE}, "ERASURE_WITH_CONTENT"),
    ],
)
def test_claim_that_the_api_did_not_make_is_refused(changes: dict[str, Any], code: str) -> None:
    event, objects = claiming()
    with pytest.raises(InvalidEvent) as refusal:
        run(replace(event, **changes), objects=objects)
    assert refusal.value.reason_code == code


@pytest.mark.parametrize("bytes_max", [1, len(LARGE.content) - 1])
def test_claim_over_the_tenants_limit_is_refused(bytes_max: int) -> None:
    event, objects = claiming()
    with pytest.raises(InvalidEvent) as refusal:
        run(event, objects=objects, bytes_max=bytes_max)
    assert refusal.value.reason_code == "DOCUMENT_TOO_LARGE"


def test_claim_far_over_the_tenants_limit_is_not_even_fetched() -> None:
    event, _ = claiming()
    objects = FakeObjects(failure=Unavailable("fetched"))
    with pytest.raises(InvalidEvent, match="DOCUMENT_TOO_LARGE"):
        run(event, objects=objects, bytes_max=1000)


def test_tenants_limit_binds_what_travels_in_the_event_too() -> None:
    with pytest.raises(InvalidEvent, match="DOCUMENT_TOO_LARGE"):
        run(UPSERT, bytes_max=len(UPSERT.content) - 1)


@pytest.mark.parametrize("failure", [Unavailable("store"), InvalidEvent("gone", reason_code="CLAIM_MISSING")])
def test_failure_of_the_store_passes_on_as_it_is(failure: StaitheError) -> None:
    event, _ = claiming()
    with pytest.raises(type(failure)):
        run(event, objects=FakeObjects(failure=failure))


def test_hash_labels_and_signals_pass_on() -> None:
    event = ingested(UPSERT)
    assert event.content_sha256 == sha256(b"secret content")
    assert event.access == Access(Tier.ANALYTICS, ("board", "hr"), Classification.INTERNAL)
    assert (event.retention_until, event.residency, event.signals) == (NOW_MS + 1, "eu", {"pages": 2})
    verify(event, text_digest(name="leave.txt", title="Title", text="secret content"))


@pytest.mark.parametrize(("given", "expected"), [(0, NOW_MS - 5), (7, 7)])
def test_version_is_the_same_whenever_the_submission_is_read_again(given: int, expected: int) -> None:
    for _ in range(2):
        assert ingested(replace(UPSERT, document_version=given)).document_version == expected


def test_untitled_document_is_titled_by_its_name() -> None:
    event = ingested(UPSERT, FakeParser(title=None))
    verify(event, text_digest(name="leave.txt", title="leave.txt", text="secret content"))


def test_erasure_passes_without_parsing_or_text() -> None:
    parser = FakeParser()
    event = ingested(ERASE, parser)
    assert (parser.calls, event.sealed_text, event.access) == (0, b"", ERASED_ACCESS)
    assert (event.operation, event.content_sha256) == (Operation.ERASE, sha256(b""))
    verify(event, NOTHING_TO_READ.digest())


def test_audit_names_no_document_and_no_content() -> None:
    audit = run(UPSERT)[1].event
    assert isinstance(audit, AuditEvent)
    assert audit.attributes == {"operation": "UPSERT", "content_bytes": "14"}
    assert audit.input_sha256 == sha256(b"secret content")
    assert "leave" not in repr(audit)


def test_unacceptable_submission_is_never_parsed() -> None:
    parser = FakeParser()
    with pytest.raises(InvalidEvent) as refusal:
        run(replace(UPSERT, access=None), parser)
    assert (refusal.value.reason_code, parser.calls) == ("ACCESS_MISSING", 0)


@pytest.mark.parametrize("failure", [InvalidEvent("x", reason_code="PARSER_CRASHED"), Unavailable("no child is free")])
def test_parsers_failure_keeps_its_class(failure: StaitheError) -> None:
    parser = FakeParser()
    parser.failure = failure
    with pytest.raises(type(failure)):
        run(UPSERT, parser)


def test_tenant_without_a_key_is_refused() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        run(replace(UPSERT, tenant_id=TenantId("stranger")))
    assert refusal.value.reason_code == "TENANT_UNKNOWN"


def test_other_event_is_refused() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        run(ingested(UPSERT))
    assert refusal.value.reason_code == "EVENT_TYPE"
