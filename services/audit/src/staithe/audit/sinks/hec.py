"""Splunk's HTTP Event Collector with indexer acknowledgement: a batch counts once the indexers have written it."""

import json
import ssl
import uuid
from collections.abc import Callable
from typing import Any, Final

from staithe.audit.sinks.post import Poster
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.errors import ConfigurationError, Unavailable

EVENT_PATH: Final = "/services/collector/event"
ACK_PATH: Final = "/services/collector/ack"
SOURCE_TYPE: Final = "staithe:ocsf"
POLLS_MAX: Final = 60
"""Questions after an acknowledgement, 1 s apart: indexers take seconds; then the batch is sent again."""
POLL_SECONDS: Final = 1.0
_JSON: Final = "application/json"

Wait = Callable[[float], bool | None]
"""Sleeps so many seconds; True when the process is to stop."""


class Hec:
    """One channel of its own for each process, as acknowledgement asks for."""

    def __init__(
        self, url: str, context: ssl.SSLContext, token: str, wait: Wait, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        channel = str(uuid.uuid4())
        headers = {"Authorization": f"Splunk {token}", "X-Splunk-Request-Channel": channel}
        self._poster = Poster(url, context, headers)
        self._wait, self._poll_seconds = wait, poll_seconds

    def send(self, events: list[Forwarded]) -> None:
        """Post the batch and ask until its acknowledgement is true.

        Raises ConfigurationError, beside what a Poster raises, when acknowledgement is off for this token.
        """
        answer = _object(self._poster.post(EVENT_PATH, "".join(_wrapped(each) for each in events).encode(), _JSON))
        ack_id = answer.get("ackId")
        if type(ack_id) is not int:
            raise ConfigurationError(
                "the collector gave no ackId: switch indexer acknowledgement on for this token",
                reason_code="SINK_WITHOUT_ACKNOWLEDGEMENT",
            )
        question = json.dumps({"acks": [ack_id]}).encode()
        for _ in range(POLLS_MAX):
            acks = _object(self._poster.post(ACK_PATH, question, _JSON)).get("acks")
            if isinstance(acks, dict) and acks.get(str(ack_id)) is True:
                return
            if self._wait(self._poll_seconds):
                raise Unavailable("stopped before the collector acknowledged", reason_code="STOPPING")
        raise Unavailable("the collector does not acknowledge", reason_code="SINK_UNACKNOWLEDGED")

    def close(self) -> None:
        """Let the connections go."""
        self._poster.close()


def _wrapped(event: Forwarded) -> str:
    fields = {"event_id": event.event_id}
    if event.leaf_index is not None:
        fields["leaf_index"] = str(event.leaf_index)
    wrapped = {
        "time": event.ocsf["time"] / 1000, "source": event.ocsf["metadata"]["log_name"], "sourcetype": SOURCE_TYPE,
        "event": event.ocsf, "fields": fields,
    }  # fmt: skip
    return json.dumps(wrapped, ensure_ascii=False, separators=(",", ":")) + "\n"


def _object(answer: bytes) -> dict[str, Any]:
    """The answer as a JSON object; Unavailable when it is none, for it acknowledges nothing."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unavailable("the collector's answer is no JSON object", reason_code="SINK_ANSWER_ODD")
    return value
