"""Publishes documents as a source system does: events on documents.submitted.v1, acknowledged one by one.

A document that is too large for an event is uploaded.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from staithe.cli.api import Api
from staithe.cli.local import LocalStack, Who
from staithe.cli.manifest import DocumentFile
from staithe.kernel.clock import SystemClock
from staithe.kernel.events import DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import DOCUMENT_BYTES_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.stack.fates import DocumentKey, Fate, FateObserver, unsettled

SUBMITTED_TOPIC = "documents.submitted.v1"
SOURCE = "staithe-publish"
IN_FLIGHT_MAX = 32
"""Sends that wait for their acknowledgement at once."""

Version = tuple[DocumentKey, int]


def submission(document: DocumentFile, *, now_ms: int) -> DocumentSubmitted:
    """The event for one file."""
    content = document.path.read_bytes()
    return DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=TenantId(document.tenant_id),
        document_id=DocumentId(document.document_id), occurred_at=now_ms, document_version=now_ms,
        access=document.access, retention_until=document.retention_until, residency=document.residency,
        content_sha256=sha256(content), source=SOURCE, name=document.path.name,
        content_type=document.content_type, content=content,
    )  # fmt: skip


def upload(stack: LocalStack, document: DocumentFile, *, now_ms: int) -> Version:
    """Send one file through the upload API; its id and version. Raises as Api.call does."""
    access, until = document.access, document.retention_until
    labels = {
        "tier": access.tier.value, "classification": access.classification.value, "groups": ",".join(access.groups),
        "name": document.path.name, "source": SOURCE, "residency": document.residency, "version": now_ms,
        "retention_until": datetime.fromtimestamp(until / 1000, UTC).isoformat() if until else None,
    }  # fmt: skip
    api = Api(stack, "ingestion", Who(document.tenant_id, access.tier.value, access.groups), scopes=("publish",))
    api.call(
        "PUT", f"/v1/documents/{document.document_id}", content=document.path.read_bytes(),
        headers={"Content-Type": document.content_type},
        params={name: value for name, value in labels.items() if value not in (None, "")},
    )  # fmt: skip
    return DocumentKey(document.tenant_id, document.document_id), now_ms


def publish(stack: LocalStack, documents: Iterable[DocumentFile], done: Callable[[], None]) -> list[Version]:
    """Send every document; returns what the broker has acknowledged. `done` is called after each."""
    clock = SystemClock()
    publisher = Publisher(stack.access("source"), stack.codec())

    def send(document: DocumentFile) -> Version:
        if document.path.stat().st_size > DOCUMENT_BYTES_MAX:
            version = upload(stack, document, now_ms=clock.now_ms())
        else:
            event = submission(document, now_ms=clock.now_ms())
            publisher.publish(SUBMITTED_TOPIC, event)
            version = DocumentKey(event.tenant_id, event.document_id), event.document_version
        done()
        return version

    try:
        with ThreadPoolExecutor(IN_FLIGHT_MAX) as pool:
            return list(pool.map(send, documents))
    finally:
        publisher.close()


def wait_settled(
    observer: FateObserver, versions: list[Version], *, timeout_seconds: float, settled: Callable[[int], None]
) -> dict[Version, Fate | None]:
    """Each version's fate once all have one, or at the time limit; `settled` hears how many have."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        observer.poll(0.2)
        left = len(unsettled(observer.book, versions))
        settled(len(versions) - left)
        if not left:
            break
    return {version: observer.book.settled(*version) for version in versions}
