"""What the audit tests share: events of the product's kind, and logs built from them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from staithe.audit.entry import encode_entry
from staithe.audit.log import TransparencyLog
from staithe.audit.ocsf import ocsf_event
from staithe.audit.sinks.choose import Identity, open_sink
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.events import AuditEvent, Outcome
from staithe.stack.pki import Usage, ensure_authority, ensure_leaf

ORIGIN = "audit.example/test"
SINK_TOKEN = "b5a7c0de-0000-4000-8000-000000000000"


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


@pytest.fixture(scope="module")
def siem_pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority = ensure_authority(folder, common_name="test")
    ensure_leaf(authority, folder, "siem", usage=Usage.SERVER)
    ensure_leaf(authority, folder, "forwarder", usage=Usage.CLIENT)
    (folder / "other").mkdir()
    ensure_authority(folder / "other", common_name="other")
    return folder


@pytest.fixture
def batch(event: Callable[[int], AuditEvent]) -> list[Forwarded]:
    return [
        Forwarded(
            n, event(n).event_id, ocsf_event(n, event(n), "audit.example/t\N{LATIN SMALL LETTER O WITH DIAERESIS}")
        )
        for n in range(5)
    ]


@pytest.fixture
def identity(siem_pki: Path, tmp_path: Path) -> Identity:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(f"{SINK_TOKEN}\n")
    return Identity(siem_pki / "ca.pem", siem_pki / "forwarder.pem", siem_pki / "forwarder.key", token)


@pytest.fixture
def sent() -> Callable[[str, Identity, list[Forwarded]], Awaitable[None]]:
    """Opens the sink at an address, sends one batch, and closes it."""

    async def send(address: str, identity: Identity, batch: list[Forwarded]) -> None:
        sink = open_sink(address, identity, lambda _: False)
        try:
            await asyncio.to_thread(sink.send, batch)
        finally:
            sink.close()

    return send
