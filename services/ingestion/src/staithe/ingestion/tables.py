"""What ingestion follows: where each document is, and what was said about those that are held."""

from typing import Any, Final

from staithe.kernel.errors import StaitheError
from staithe.kernel.service import Runtime
from staithe.kernel.stopped import DocumentHeld, DocumentRefused, DocumentReviewed
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.letters import REFUSED_TOPIC
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.table import CurrentTable, LatestTable

CURRENT_TOPIC: Final = "documents.current.v1"
HELD_TOPIC: Final = "documents.held.v1"
REVIEWED_TOPIC: Final = "documents.reviewed.v1"


class Tables:
    """Four topics in memory; each is a check of readiness."""

    def __init__(self, access: KafkaAccess, codec: EventCodec, runtime: Runtime) -> None:
        logger = runtime.logger
        self.current = CurrentTable(access, codec, topic=CURRENT_TOPIC, logger=logger)
        self.held = LatestTable(access, codec, DocumentHeld, topic=HELD_TOPIC, logger=logger)
        self.reviewed = LatestTable(access, codec, DocumentReviewed, topic=REVIEWED_TOPIC, logger=logger)
        self.refused = LatestTable(access, codec, DocumentRefused, topic=REFUSED_TOPIC, logger=logger)
        self._all: dict[str, LatestTable[Any]] = {
            "current_table": self.current,
            "held_table": self.held,
            "reviewed_table": self.reviewed,
            "refused_table": self.refused,
        }
        for name, table in self._all.items():
            runtime.health.add(name, table.caught_up)

    def caught_up(self) -> bool:
        """Whether all have been read to their ends."""
        return all(table.caught_up() for table in self._all.values())

    @property
    def fatal(self) -> StaitheError | None:
        """Why one of them can't go on, if one can't."""
        return next((table.fatal for table in self._all.values() if table.fatal), None)

    def start(self) -> None:
        """Begin following."""
        for table in self._all.values():
            table.start()

    def stop(self) -> None:
        """Stop following."""
        for table in self._all.values():
            table.stop()
