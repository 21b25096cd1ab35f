"""What is current is held against the last word of the audit log about each document."""

from dataclasses import replace

import pytest

from staithe.cli.reconcile_verb import against_log
from staithe.kernel.events import AuditEvent, DocumentCurrent, Outcome, document_subject
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

CURRENT = DocumentCurrent(
    tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=5,
    access=Access(Tier.OFFICE, (), Classification.INTERNAL), residency="eu", content_sha256=b"c" * 32, erased=False,
    chunk_count=1, occurred_at=1,
)  # fmt: skip


def entry(action: str, version: int, document: str = "leave") -> AuditEvent:
    return AuditEvent(
        event_id="e", occurred_at=1, service="indexing", action=action, outcome=Outcome.SUCCESS, tenant_id="harbour",
        subject_sha256=document_subject(TenantId("harbour"), DocumentId(document)), document_version=version,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "entries", "kinds"),
    [
        (CURRENT, [entry("document.indexed", 4), entry("document.indexed", 5)], []),
        (CURRENT, [entry("document.indexed", 5), entry("document.superseded", 4)], []),
        (CURRENT, [entry("document.erased", 4), entry("document.indexed", 5)], []),
        (replace(CURRENT, erased=True), [entry("document.indexed", 4), entry("document.erased", 5)], []),
        (CURRENT, [], ["NOT_IN_LOG"]),
        (CURRENT, [entry("document.indexed", 4)], ["NOT_IN_LOG"]),
        (CURRENT, [entry("document.embedded", 5)], ["NOT_IN_LOG"]),
        (CURRENT, [entry("document.indexed", 6)], ["NOT_CURRENT"]),
        (CURRENT, [entry("document.indexed", 5), entry("document.erased", 6)], ["NOT_CURRENT"]),
        (replace(CURRENT, erased=True), [entry("document.indexed", 5)], ["NOT_CURRENT"]),
        (CURRENT, [entry("document.indexed", 5), entry("document.indexed", 1, "other")], ["NOT_CURRENT"]),
    ],
)
def test_last_word_of_the_log_is_what_must_be_current(
    state: DocumentCurrent, entries: list[AuditEvent], kinds: list[str]
) -> None:
    assert [each.kind for each in against_log([state], entries)] == kinds


def test_document_that_only_the_log_knows_is_named_by_its_digest() -> None:
    (found,) = against_log([], [entry("document.indexed", 1)])
    assert found.document_id.startswith("sha256:")
    assert "leave" not in repr(found)
