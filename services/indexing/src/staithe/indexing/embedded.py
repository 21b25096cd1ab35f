"""Looks up what was embedded, in the topic that this service consumes, from outside its group."""

import contextlib
from collections.abc import Collection, Iterator

from staithe.indexing.differences import DocumentName
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import ChunksEmbedded
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.tail import Tail
from staithe.kernel.vocabulary import event_key

EMBEDDED_TOPIC = "chunks.embedded.v1"
POLL_SECONDS = 0.5


class EmbeddedTopic:
    """`chunks.embedded.v1`, as far back as it is kept."""

    def __init__(self, access: KafkaAccess, codec: EventCodec) -> None:
        self._access, self._codec = access, codec

    def of(self, names: Collection[DocumentName]) -> Iterator[ChunksEmbedded]:
        """Every event about these documents, oldest first; reads the topic once; raises Unavailable."""
        keys = {event_key(*name) for name in names}
        with contextlib.closing(Tail(self._access, [EMBEDDED_TOPIC], from_beginning=True)) as tail:
            while not tail.finished():
                for record in tail.poll(POLL_SECONDS):
                    if record.key in keys:
                        with contextlib.suppress(InvalidEvent):  # the stream has dead-lettered it
                            event = self._codec.decode(EMBEDDED_TOPIC, record.value)
                            if isinstance(event, ChunksEmbedded):
                                yield event
