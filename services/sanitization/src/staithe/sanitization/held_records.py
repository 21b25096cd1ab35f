"""Finds a held version in `documents.quarantined.v1` by reading the topic: releases are few, and it is 30 days long."""

from typing import Final

from staithe.kernel.events import DocumentQuarantined
from staithe.kernel.stopped import DocumentReviewed
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.tail import Tail

QUARANTINED_TOPIC: Final = "documents.quarantined.v1"
POLL_SECONDS: Final = 0.2


class QuarantineTopic:
    """The topic as a place to look things up."""

    def __init__(self, access: KafkaAccess, codec: EventCodec) -> None:
        self._access, self._codec = access, codec

    def find(self, review: DocumentReviewed) -> DocumentQuarantined | None:
        """The version that `review` names; None when it is no longer there. Raises Unavailable or AccessDenied."""
        tail = Tail(self._access, [QUARANTINED_TOPIC], from_beginning=True)
        try:
            while not tail.finished():
                for record in tail.poll(POLL_SECONDS):
                    if record.key != review.key:
                        continue
                    event = self._codec.decode(record.topic, record.value)
                    if isinstance(event, DocumentQuarantined) and event.event_id == review.held_event_id:
                        return event
        finally:
            tail.close()
        return None
