"""Judges a stack from outside, by id: what the topics, Milvus and the audit log hold, whatever the services say."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from staithe.audit.entry import decode_entry
from staithe.audit.files import LogFiles
from staithe.audit.notes import VerifierKey
from staithe.audit.reader import open_reader
from staithe.kernel.errors import Integrity
from staithe.kernel.events import AuditEvent, DocumentCurrent, DocumentIndexed, Event, document_subject
from staithe.kernel.stream.tail import Tail
from staithe.kernel.vocabulary import DocumentId, TenantId
from staithe.stack.fates import DocumentKey, Fate, FateObserver, unsettled
from staithe.stack.identities import OPERATOR
from staithe.stack.milvus_server import ADMIN, milvus_server_address
from staithe.stack.ports import HOST
from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import MilvusAddress, MilvusConnection, collection_name
from support.live import LiveStack

Version = tuple[DocumentKey, int]

ROWS_MAX: Final = 16_384
"""More than Milvus hands out in one query would be cut without a word."""
SETTLE_SECONDS_MAX: Final = 180.0
AUDITED_SECONDS_MAX: Final = 60.0
STEPS: Final = ("document.ingested", "document.sanitized", "document.embedded", "document.indexed")


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """A row of the index, as stored."""

    tenant_id: str
    document_id: str
    document_version: int
    ordinal: int
    chunk_id: str


def versions_of(published: Iterable[dict[str, Any]]) -> list[Version]:
    """What `staithe publish --json` printed, as versions."""
    return [(DocumentKey(each["tenant_id"], each["document_id"]), each["document_version"]) for each in published]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether `holds` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Checker:
    """Reads with the operator's rights and Milvus's admin; writes nothing."""

    def __init__(self, live: LiveStack) -> None:
        self.live, self.local = live, live.local()
        self.codec = self.local.codec()
        self._observer: FateObserver | None = None
        address = (
            milvus_server_address(live.paths, live.ports, ADMIN)
            if live.kind == "server"
            else MilvusAddress(uri=f"http://{HOST}:{live.ports.of('milvus')}")
        )
        self._milvus = MilvusConnection(address)

    def close(self) -> None:
        """Let the connections go."""
        self._milvus.close()
        if self._observer is not None:
            self._observer.close()
        self.codec.close()

    @property
    def observer(self) -> FateObserver:
        """One observer of every ending since the stack began."""
        if self._observer is None:
            self._observer = FateObserver(
                self.local.access(OPERATOR), self.local.topology, self.codec, self.local.operator_opener(),
                from_beginning=True,
            )  # fmt: skip
        return self._observer

    def fates(self, versions: list[Version], seconds: float = SETTLE_SECONDS_MAX) -> dict[Version, Fate | None]:
        """How each version ended, waiting until all have."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and unsettled(self.observer.book, versions):
            self.observer.poll(0.2)
        return {version: self.observer.book.settled(*version) for version in versions}

    def assert_each_ended_once(self, versions: list[Version], seconds: float = SETTLE_SECONDS_MAX) -> None:
        """Every version has exactly one ending, and nothing that ever ended did so twice."""
        lost = [version for version, fate in self.fates(versions, seconds).items() if fate is None]
        assert lost == [], f"{len(lost)} of {len(versions)} acknowledged versions have no fate"
        for _ in range(5):  # a duplicate would come late
            self.observer.poll(0.2)
        book = self.observer.book
        assert {version: book.endings(*version).total() for version in versions} == dict.fromkeys(versions, 1)
        assert book.duplicates() == 0

    def read(self, topic: str) -> list[Event]:
        """Every committed event of a topic, oldest first within a partition."""
        tail = Tail(self.local.access(OPERATOR), [topic], from_beginning=True)
        events: list[Event] = []
        try:
            while not tail.finished():
                events += [self.codec.decode(topic, record.value) for record in tail.poll(0.5)]
        finally:
            tail.close()
        return events

    def current(self) -> dict[DocumentKey, DocumentCurrent]:
        """The newest `documents.current.v1` event of each document."""
        current: dict[DocumentKey, DocumentCurrent] = {}
        for event in self.read("documents.current.v1"):
            assert isinstance(event, DocumentCurrent)
            current[DocumentKey(event.tenant_id, event.document_id)] = event
        return current

    def rows(self) -> list[Row]:
        """Every row of the index, strongly consistent."""
        columns = ["tenant_id", "document_id", "document_version", "ordinal", "chunk_id"]
        # Milvus Lite forgets at a restart what was loaded; whoever reads first tells it again.
        self._milvus.call(lambda client: client.load_collection(collection_name(model_digest())), place="check")
        edges = ["", *"0123456789abcdef", "g"]
        found = [each for low, high in pairwise(edges) for each in self._rows_between(columns, low, high)]
        found += self._rows_between(columns, edges[-1], "\x7f")
        return sorted(Row(**{name: each[name] for name in columns}) for each in found)

    def _rows_between(self, columns: list[str], low: str, high: str) -> list[dict[str, Any]]:
        """Rows by the first letter of their id: one answer holds a limited number, and an index does not."""
        found: list[dict[str, Any]] = self._milvus.call(
            lambda client: client.query(
                collection_name(model_digest()), filter=f'chunk_id >= "{low}" and chunk_id < "{high}"',
                output_fields=columns, limit=ROWS_MAX, consistency_level="Strong",
            ),
            place="check",
        )  # fmt: skip
        assert len(found) < ROWS_MAX
        return found

    def assert_index_holds_what_is_current(self) -> None:
        """For every document: the rows of the current version, all of them once, and no other row at all."""
        rows, current = self.rows(), self.current()
        assert len({row.chunk_id for row in rows}) == len(rows)
        stored: dict[DocumentKey, list[tuple[int, int]]] = defaultdict(list)
        for row in rows:
            stored[DocumentKey(row.tenant_id, row.document_id)].append((row.document_version, row.ordinal))
        wanted = {
            key: [(event.document_version, ordinal) for ordinal in range(event.chunk_count)]
            for key, event in current.items()
            if not event.erased
        }
        assert dict(stored) == wanted

    def assert_nothing_indexed_twice(self) -> None:
        """`documents.indexed.v1` has one event for each version and operation, and one for each event id."""
        events = [event for event in self.read("documents.indexed.v1") if isinstance(event, DocumentIndexed)]
        ended = Counter((each.tenant_id, each.document_id, each.document_version, each.operation) for each in events)
        twice = [each for each, count in ended.items() if count > 1]
        assert twice == [], f"indexed or erased more than once: {twice}"
        assert len({each.event_id for each in events}) == len(events)

    def entries(self) -> list[AuditEvent]:
        """The audit log's leaves, read from its files under its published key."""
        key = VerifierKey.parse(self.live.paths.audit_log_vkey.read_text())
        try:
            return [decode_entry(each) for each in open_reader(LogFiles(self.live.paths.audit_log), key).entries()]
        except Integrity as error:
            if error.reason_code != "CHECKPOINT_MISSING":
                raise
            return []

    def assert_audit_log_is_whole(self) -> list[AuditEvent]:
        """The log verifies, and its leaves are the committed audit events, one leaf for each event id."""
        sent = {event.event_id for event in self.read("audit.events.v1") if isinstance(event, AuditEvent)}
        assert within(AUDITED_SECONDS_MAX, lambda: sent <= {each.event_id for each in self.entries()})
        entries = self.entries()
        assert [event_id for event_id, count in Counter(each.event_id for each in entries).items() if count > 1] == []
        later = {event.event_id for event in self.read("audit.events.v1") if isinstance(event, AuditEvent)}
        assert {each.event_id for each in entries} <= later
        report = self.live.cli_json("audit", "verify")
        assert report["ok"], report["problems"]
        assert report["size"] >= len(entries) >= len(sent)
        return entries

    def steps_of(self, version: Version, entries: Iterable[AuditEvent]) -> Counter[str]:
        """How often each action on a version is in the log."""
        key, number = version
        subject = document_subject(TenantId(key.tenant_id), DocumentId(key.document_id))
        return Counter(
            each.action for each in entries if each.subject_sha256 == subject and each.document_version == number
        )
