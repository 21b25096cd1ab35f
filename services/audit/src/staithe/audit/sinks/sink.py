"""What a receiver of forwarded events must promise, and what it is given."""

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

ANSWER_BYTES_MAX: Final = 65_536
"""Bytes of a receiver's answer that are read: the longest that any of the protocols needs is a few hundred."""

TIMEOUT_SECONDS: Final = 10.0
"""For a connection and for each answer; then the batch is sent again."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One OCSF event on its way out. `leaf_index` and `event_id` are the same at every repetition.

    `leaf_index` is None only for the forwarder's own finding that the log changed its past.
    """

    leaf_index: int | None
    event_id: str
    ocsf: dict[str, Any]

    def line(self) -> str:
        """The event as JSON on one line, without its end."""
        return json.dumps(self.ocsf, ensure_ascii=False, separators=(",", ":"))


class Sink(Protocol):
    """A receiver. For one thread."""

    def send(self, events: list[Forwarded]) -> None:
        """Return only when the receiver has acknowledged every event, in this order.

        Raises Unavailable when the batch must be sent again as a whole, AccessDenied when the receiver or its
        certificate is refused, ConfigurationError when sending again cannot help.
        """
        ...

    def close(self) -> None:
        """Let connections and files go."""
        ...
