"""What became of each submitted version, seen from outside the services: by reading the topics where they end.

A version ends indexed, erased, quarantined, superseded by a newer one, or dead-lettered at some stage. This is the
checker's and the command's view; it shares nothing with the services but the topics.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from staithe.kernel.crypto.sealing import Opener
from staithe.kernel.errors import Integrity
from staithe.kernel.events import DeadLettered, DocumentIndexed, DocumentQuarantined
from staithe.kernel.stopped import DeadLetterSettled, DocumentHeld, HoldState, LetterState
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.letters import opened_record
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.tail import Tail
from staithe.kernel.topology import DEAD_LETTER_SUFFIX, Topology
from staithe.kernel.vocabulary import Operation

INDEXED_TOPIC = "documents.indexed.v1"
QUARANTINED_TOPIC = "documents.quarantined.v1"
HELD_TOPIC = "documents.held.v1"
LETTERS_TOPIC = "letters.settled.v1"


class Fate(StrEnum):
    """How a version ended."""

    INDEXED = "indexed"
    ERASED = "erased"
    QUARANTINED = "quarantined"
    DEAD_LETTERED = "dead-lettered"


@dataclass(frozen=True, slots=True, order=True)
class DocumentKey:
    """A document, as its Kafka key names it."""

    tenant_id: str
    document_id: str


@dataclass(slots=True)
class FateBook:
    """Counted endings, by document and version; a dead letter that names no version counts for the document.

    A letter that was replayed and a hold that was released are no endings: the document is on its way again. An
    erasure may end a version that was indexed before, as retention does.
    """

    versions: dict[tuple[DocumentKey, int], Counter[Fate]] = field(default_factory=dict)
    letters: dict[DocumentKey, dict[str, str]] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    released: dict[tuple[DocumentKey, int], set[str]] = field(default_factory=dict)
    held: dict[DocumentKey, str] = field(default_factory=dict)

    def add(self, key: DocumentKey, version: int, fate: Fate) -> None:
        """Note one ending."""
        self.versions.setdefault((key, version), Counter())[fate] += 1

    def endings(self, key: DocumentKey, version: int) -> Counter[Fate]:
        """How often the version ended how, without the holds that were released."""
        released = Counter({Fate.QUARANTINED: len(self.released.get((key, version), ()))})
        return self.versions.get((key, version), Counter()) - released

    def settled(self, key: DocumentKey, version: int) -> Fate | None:
        """How this version ended, or None while it is under way; of several endings the last."""
        counts = self.endings(key, version)
        if counts:
            return Fate.ERASED if Fate.ERASED in counts else next(iter(counts))
        return Fate.DEAD_LETTERED if self.dead_letters(key) else None

    def dead_letters(self, key: DocumentKey) -> list[str]:
        """The reason codes of the document's dead letters, without those that were replayed."""
        letters = self.letters.get(key, {})
        return [reason for event_id, reason in letters.items() if event_id not in self.replayed]

    def reason_of(self, key: DocumentKey) -> str:
        """Why the document was held or dead-lettered: the newest reason code, or nothing."""
        return (self.dead_letters(key) or [self.held.get(key, "")])[-1]

    def duplicates(self) -> int:
        """How many endings too many there are: 0 when every version ended at most once."""
        return sum(map(self._too_many, self.versions))

    def _too_many(self, version: tuple[DocumentKey, int]) -> int:
        counts = self.endings(*version)
        erased = counts.pop(Fate.ERASED, 0)
        return max(0, counts.total() - 1) + max(0, erased - 1)


class FateObserver:
    """Fills a FateBook from the topics; needs the operator's access and keyring."""

    def __init__(
        self, access: KafkaAccess, topology: Topology, codec: EventCodec, opener: Opener, *, from_beginning: bool
    ) -> None:
        letters = [topic.name for topic in topology.all_topics() if topic.name.endswith(DEAD_LETTER_SUFFIX)]
        self._tail = Tail(
            access,
            [INDEXED_TOPIC, QUARANTINED_TOPIC, HELD_TOPIC, LETTERS_TOPIC, *letters],
            from_beginning=from_beginning,
        )
        self._codec, self._opener = codec, opener
        self.book = FateBook()

    def poll(self, timeout_seconds: float) -> None:
        """Take in what has arrived."""
        for record in self._tail.poll(timeout_seconds):
            event = self._codec.decode(record.topic, record.value)
            match event:
                case DocumentIndexed():
                    fate = Fate.ERASED if event.operation is Operation.ERASE else Fate.INDEXED
                    self.book.add(DocumentKey(event.tenant_id, event.document_id), event.document_version, fate)
                case DocumentQuarantined():
                    key = DocumentKey(event.tenant_id, event.document_id)
                    self.book.add(key, event.document_version, Fate.QUARANTINED)
                    self.book.held[key] = ",".join(event.reason_codes)
                case DeadLettered():
                    self.book.letters.setdefault(self._key_of(event), {})[event.event_id] = event.reason_code
                case DocumentHeld() if event.settled_by and event.state in (HoldState.RELEASED, HoldState.HELD):
                    key = DocumentKey(event.tenant_id, event.document_id)
                    self.book.released.setdefault((key, event.document_version), set()).add(event.settled_by)
                case DeadLetterSettled(state=LetterState.REPLAYED):
                    self.book.replayed.add(event.event_id)

    def _key_of(self, letter: DeadLettered) -> DocumentKey:
        if letter.document_id:
            return DocumentKey(letter.tenant_id, letter.document_id)
        try:
            key = opened_record(letter, self._opener).key or b""
        except Integrity:
            return DocumentKey("", letter.place)
        tenant, _, document = key.decode(errors="replace").partition("/")
        return DocumentKey(tenant, document)

    def finished(self) -> bool:
        """Whether everything that was in the topics at the start has been read."""
        return self._tail.finished()

    def close(self) -> None:
        """Let the connection go."""
        self._tail.close()


def unsettled(book: FateBook, versions: Iterable[tuple[DocumentKey, int]]) -> list[tuple[DocumentKey, int]]:
    """Those of `versions` that have not ended yet."""
    return [(key, version) for key, version in versions if book.settled(key, version) is None]
