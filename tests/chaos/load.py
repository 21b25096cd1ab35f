"""A source as a process of its own: publishes at a rate, with new versions and erasures among the documents, and
writes down each version that the broker has acknowledged. Ends by SIGTERM, after its last acknowledgement.

    python tests/chaos/load.py --journal FILE --seed N --rate 5 [--poison 0.001] [--replay JOURNAL]
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import httpx  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from journal import Acknowledged, Document, read, write  # noqa: E402
from texts import canary, text  # noqa: E402

from staithe.cli.local import LocalStack, Who  # noqa: E402
from staithe.kernel.clock import SystemClock  # noqa: E402
from staithe.kernel.events import DocumentSubmitted  # noqa: E402
from staithe.kernel.ids import new_event_id  # noqa: E402
from staithe.kernel.lineage import sha256  # noqa: E402
from staithe.kernel.tls import client_context  # noqa: E402
from staithe.kernel.vocabulary import (  # noqa: E402
    Access,
    Classification,
    DocumentId,
    Operation,
    TenantId,
    Tier,
    event_key,
)

TOPIC: Final = "documents.submitted.v1"
TENANTS: Final = ("harbour", "millrace")
BYTES: Final = 2048
NEW_VERSION_SHARE, ERASURE_SHARE = 0.15, 0.05
REMEMBERED_MAX: Final = 500
"""Documents that may get another version or be erased."""
DELIVERY_MS_MAX: Final = 600_000
"""The producer itself tries this long: sending again from here would make a second record."""
LARGE_BYTES: Final = 700_000
UPLOAD_SECONDS_MAX: Final = 30.0
LAST_SECONDS_MAX: Final = 120.0
IN_FLIGHT_MAX: Final = 2_000


class Plan:
    """What to publish next, by a seed: the same seed plans the same documents."""

    def __init__(
        self, seed: int, poison_share: float, tenants: Sequence[str], documents_max: int | None = None
    ) -> None:
        self._tenants, self._documents_max = tenants, documents_max
        self._chance, self._poison_share, self._seed = random.Random(seed), poison_share, seed  # noqa: S311
        self._versions: dict[Document, int] = {}
        self._number = 0

    def lines(self) -> Iterator[Acknowledged]:
        """Planned versions without end, each as it will stand in the journal."""
        while True:
            draw = self._chance.random()
            if self._documents_max is not None:
                # Always the same documents and no erasure: nothing has a reason to grow.
                draw = ERASURE_SHARE if len(self._versions) >= self._documents_max else 1.0
            if self._versions and draw < ERASURE_SHARE:
                document = self._chance.choice(list(self._versions))
                yield Acknowledged(document, self._versions.pop(document) + 1, "ERASE", "", 0.0)
            elif self._versions and draw < ERASURE_SHARE + NEW_VERSION_SHARE:
                yield self._upsert(self._chance.choice(list(self._versions)), poison=False)
            else:
                self._number += 1
                document = Document(self._chance.choice(self._tenants), f"chaos-{self._seed}-{self._number}")
                yield self._upsert(document, poison=self._chance.random() < self._poison_share)

    def _upsert(self, document: Document, *, poison: bool) -> Acknowledged:
        version = self._versions.get(document, 0) + 1
        if not poison:
            self._versions[document] = version
            if len(self._versions) > REMEMBERED_MAX:
                self._versions.pop(next(iter(self._versions)))
        return Acknowledged(document, version, "UPSERT", canary(document.document_id, version), 0.0, poison=poison)


def event_of(line: Acknowledged) -> DocumentSubmitted:
    """The event that publishes a line."""
    now_ms = SystemClock().now_ms()
    erase = line.operation == "ERASE"
    content = b"" if erase else text(line.document.document_id, line.version, BYTES)
    return DocumentSubmitted(
        event_id=new_event_id(now_ms), tenant_id=TenantId(line.document.tenant_id),
        document_id=DocumentId(line.document.document_id), document_version=line.version,
        operation=Operation(line.operation), occurred_at=now_ms,
        access=None if erase else Access(Tier.OFFICE, (), Classification.INTERNAL),
        content_sha256=None if erase else sha256(content), source="chaos",
        name="" if erase else f"{line.document.document_id}.md", content_type="" if erase else "text/markdown",
        content=content,
    )  # fmt: skip


def page(line: Acknowledged) -> bytes:
    """The same text in a file too large for an event."""
    words = text(line.document.document_id, line.version, BYTES).decode()
    return f"<html><body><!-- {'p' * LARGE_BYTES} --><p>{words}</p></body></html>".encode()


class Source:
    """An idempotent producer that journals acknowledgements as they come, and an uploader beside it."""

    def __init__(self, journal: IO[str]) -> None:
        stack = LocalStack()
        self._stack = stack
        self._journal, self._codec, self._unacknowledged = journal, stack.codec(), 0
        settings: dict[str, Any] = stack.access("source").config(
            acks="all", enable_idempotence=True, linger_ms=2, compression_type="gzip",
            message_timeout_ms=DELIVERY_MS_MAX, queue_buffering_max_messages=IN_FLIGHT_MAX,
        )  # fmt: skip
        self._producer = Producer(settings)

    def send(self, line: Acknowledged, repeated: bool = False) -> None:
        """Queue one version; it is journalled when the broker has it."""
        event = event_of(line)
        value = self._codec.encode(TOPIC, event)
        if line.poison:
            value = value[: len(value) // 2]

        def acknowledged(error: Any, _: Any) -> None:
            self._unacknowledged -= 1
            if error is None:
                fields = (line.document, line.version, line.operation, line.canary, time.time(), line.poison)
                write(self._journal, Acknowledged(*fields, repeated=repeated))

        while True:
            try:
                self._producer.produce(TOPIC, value=value, key=event_key(event.tenant_id, event.document_id),
                                       on_delivery=acknowledged)  # fmt: skip
            except BufferError:
                self._producer.poll(0.1)
                continue
            self._unacknowledged += 1
            self._producer.poll(0)
            return

    def upload(self, line: Acknowledged) -> None:
        """Upload one version. Journalled when it was answered 202; what was not is nobody's promise."""
        who = Who(line.document.tenant_id, 3)
        headers = {
            "Authorization": f"Bearer {self._stack.token(who, scopes=('publish',))}",
            "Content-Type": "text/html",
        }
        labels = {"tier": "1", "classification": "INTERNAL", "version": str(line.version), "source": "chaos"}
        authority = client_context(self._stack.paths.services_authority)
        try:
            response = httpx.put(
                f"{self._stack.url('ingestion')}/v1/documents/{line.document.document_id}", params=labels,
                content=page(line), headers=headers, verify=authority, timeout=UPLOAD_SECONDS_MAX, trust_env=False,
            )  # fmt: skip
        except httpx.HTTPError:
            return
        if response.status_code == 202:
            fields = (line.document, line.version, line.operation, line.canary, time.time(), line.poison)
            write(self._journal, Acknowledged(*fields, repeated=False))

    def wait(self, seconds: float) -> None:
        """Serve acknowledgements for a while."""
        self._producer.poll(seconds)

    def finish(self) -> int:
        """Wait for what is on its way; how many versions were given up."""
        self._producer.flush(LAST_SECONDS_MAX)
        return self._unacknowledged


def main() -> int:
    """Publish until told to stop."""
    arguments = _arguments()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with arguments.journal.open("a") as journal:
        source = Source(journal)
        plan = Plan(arguments.seed, arguments.poison, arguments.tenants, arguments.documents).lines()
        again = read([arguments.replay]) if arguments.replay else None
        lines: Iterator[Acknowledged] = iter(again) if again is not None else plan
        due, chance = time.monotonic(), random.Random(arguments.seed)  # noqa: S311
        for line in lines:
            if line.version == 1 and chance.random() < arguments.large:  # a later one may arrive unacknowledged
                source.upload(line)
            else:
                source.send(line, repeated=again is not None)
            due += 1 / arguments.rate
            while (left := due - time.monotonic()) > 0 and not stopping.is_set():
                source.wait(min(left, 0.1))
            if stopping.is_set():
                break
        return 1 if source.finish() else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publish documents and write down what is acknowledged.")
    parser.add_argument("--journal", type=Path, required=True, help="file to append acknowledged versions to")
    parser.add_argument("--seed", type=int, required=True, help="which documents")
    parser.add_argument("--rate", type=float, default=5.0, help="versions a second (default 5)")
    parser.add_argument("--poison", type=float, default=0.0, help="share of records that can never be read")
    parser.add_argument("--large", type=float, default=0.0, help="share of documents that are uploaded, over 512 KiB")
    parser.add_argument("--documents", type=int, help="never more documents than these, and no erasures")
    parser.add_argument("--tenants", nargs="+", default=TENANTS, help="whose documents (default: of both samples)")
    parser.add_argument("--replay", type=Path, help="send every version of this journal again instead")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
