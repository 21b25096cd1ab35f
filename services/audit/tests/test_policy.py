from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from staithe.audit.entry import encode_entry
from staithe.audit.limits import ENTRY_BYTES_MAX
from staithe.audit.policy import ATTRIBUTES, check_event
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import AuditEvent

Make = Callable[[int], AuditEvent]
DIGEST = "a" * 64
UUID = "01a20a40-da0d-7496-8923-9c3b55c878b0"


def test_an_event_of_the_product_is_allowed(event: Make) -> None:
    check_event(event(1))
    check_event(replace(event(1), tenant_id="", traceparent="", subject_sha256=None, reason_code="HASH_MISMATCH"))


@pytest.mark.parametrize(
    "attributes",
    [
        {"topic": "documents.submitted.v1", "partition": "3", "offset": "91"},
        {"operation": "UPSERT", "content_bytes": "1024"},
        {"finding_count": "4", "policy_sha256": DIGEST},
        {"chunk_count": "12", "model_digest": DIGEST},
        {"citations": "3", "caller_hmac": DIGEST, "tier": "2", "interface": "chat", "answer_mode": "generative"},
        {"provider": "example-1", "passages": "4", "text_bytes": "9000", "caller_hmac": DIGEST, "tier": "1"},
        {"request_id": UUID, "token_count": "812", "sentences": "2", "dropped": "1"},
        {"results": "10", "caller_hmac": DIGEST, "tier": "1"},
        {"ordinal": "0", "method": "OTHER"},
        {"ordinal": "512", "model_digest": DIGEST, "chunks": DIGEST * 512},
        {"citations": "1", "cited": f"{DIGEST}:5:1:tier:0-71:{DIGEST}:{DIGEST}{DIGEST}"},
    ],
)
def test_the_attributes_that_the_services_write_are_allowed(attributes: dict[str, str], event: Make) -> None:
    check_event(replace(event(1), attributes=attributes))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "x"),
        ("event_id", ""),
        ("event_id", "018BCFE5-6801-7000-8000-000000000001"),
        ("event_id", "018bcfe5680170008000000000000001"),
        ("event_id", "{018bcfe5-6801-7000-8000-000000000001}"),
        ("event_id", "018bcfe5-6801-4000-8000-000000000001"),
        ("occurred_at", -1),
        ("occurred_at", 1 << 53),
        ("document_version", -1),
        ("service", "mary.miller"),
        ("service", ""),
        ("action", "Looked at Mary's file"),
        ("action", "document"),
        ("reason_code", "Mary was here"),
        ("tenant_id", "Mary Miller"),
        ("tenant_id", "a/b"),
        ("subject_sha256", b"mary"),
        ("input_sha256", b"\0" * 33),
        ("output_sha256", b""),
        ("traceparent", "mary"),
        ("traceparent", "00-" + "A" * 32 + "-" + "b" * 16 + "-01"),
    ],
)
def test_a_field_that_could_hold_something_else_is_refused(field: str, value: Any, event: Make) -> None:
    with pytest.raises(InvalidEvent) as caught:
        check_event(replace(event(1), **{field: value}))
    assert not isinstance(value, str) or "ary" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("question", "who earns what"),
        ("email", "mary@example.com"),
        ("document_id", "mary-miller-contract"),
        ("Topic", "documents.ingested.v1"),
        ("topic", "mary.miller"),
        ("chunks", "mary"),
        ("chunks", DIGEST * 513),
        ("cited", f"{DIGEST}:5:1:mary:0-71:{DIGEST}:{DIGEST}"),
        ("topic", "documents.ingested.v1\n"),
        ("offset", "mary"),
        ("offset", "007"),
        ("offset", "\u0663"),
        ("caller_hmac", "mary"),
        ("method", "MARY"),
        ("results", "many"),
        ("model_digest", DIGEST.upper()),
        ("content_type", "text/plain; name=mary"),
        ("classification", "SECRET"),
        ("operation", "READ"),
        ("tier", "4"),
        ("http_status", "2000"),
        ("answer_id", "mary"),
        ("parser", "Mary Miller"),
        ("code_version", "mary"),
        ("offset", ""),
    ],
)
def test_an_attribute_outside_the_allow_list_is_refused_without_repeating_it(
    name: str, value: str, event: Make
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        check_event(replace(event(1), attributes={name: value}))
    assert value not in str(caught.value) or not value


def test_too_many_attributes_are_refused(event: Make) -> None:
    with pytest.raises(InvalidEvent):
        check_event(replace(event(1), attributes={f"a{i}": "1" for i in range(17)}))


def test_two_lists_in_one_event_are_refused(event: Make) -> None:
    both = {"chunks": DIGEST, "cited": f"{DIGEST}:5:1:tier:0-71:{DIGEST}:{DIGEST}"}
    with pytest.raises(InvalidEvent):
        check_event(replace(event(1), attributes=both))


def test_the_longest_list_fits_an_entry(event: Make) -> None:
    cited = ";".join([f"{DIGEST}:{'9' * 16}:1:group:{'9' * 16}-{'9' * 16}:{DIGEST}:{DIGEST * 8}"] * 16)
    for attributes in ({"chunks": DIGEST * 512}, {"cited": cited}):
        assert len(encode_entry(replace(event(1), attributes=attributes))) < ENTRY_BYTES_MAX * 0.6


def test_the_largest_event_that_is_allowed_fits_an_entry(event: Make) -> None:
    widest = {name: "9" * 16 for name, shape in ATTRIBUTES.items() if shape.fullmatch("9" * 16)}
    largest = replace(event(1), attributes=dict(list(widest.items())[:16]), reason_code="R" * 64)
    assert len(encode_entry(largest)) < ENTRY_BYTES_MAX / 10
