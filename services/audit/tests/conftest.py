"""What the audit tests share: events of the product's kind, and logs built from them."""

import uuid
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome

ORIGIN = "audit.example/test"


def audit_event(number: int) -> AuditEvent:
    """The event with a given number: same number, same event."""
    return AuditEvent(
        event_id=str(uuid.UUID(int=(1_700_000_000_000 + number) << 80 | 0x7 << 76 | 0b10 << 62 | number)),
        occurred_at=1_700_000_000_000 + number,
        service="sanitization",
        action="document.sanitized",
        outcome=Outcome.SUCCESS,
        tenant_id="harbour",
        subject_sha256=sha256(b"%d" % number).digest(),
        document_version=1,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        attributes={"topic": "documents.ingested.v1", "partition": "0", "offset": str(number)},
    )


@pytest.fixture
def event() -> Callable[[int], AuditEvent]:
    return audit_event


@pytest.fixture
def entries() -> Callable[[int, int], list[bytes]]:
    """The entries of the events numbered start to stop."""
    return lambda start, stop: [encode_entry(audit_event(number)) for number in range(start, stop)]


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture
def open_log(tmp_path: Path, signer: Signer) -> Callable[[], TransparencyLog]:
    """Opens the log in tmp_path/log; the test closes it."""
    return lambda: TransparencyLog(tmp_path / "log", signer, ORIGIN)


@pytest.fixture
def build_log(
    open_log: Callable[[], TransparencyLog], entries: Callable[[int, int], list[bytes]]
) -> Callable[[Sequence[int]], Path]:
    """Builds a log by batches that end at the given sizes; returns its folder."""

    def build(sizes: Sequence[int]) -> Path:
        with open_log() as log:
            for start, stop in zip([0, *sizes], sizes, strict=False):
                for first in range(start, stop, 1024):
                    log.append(entries(first, min(first + 1024, stop)))
            return log.folder

    return build
