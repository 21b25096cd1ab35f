"""OpenTelemetry logs: OTLP/HTTP with JSON (opentelemetry-proto 1.x), written by hand."""

import json
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

from staithe.audit.sinks.post import Poster
from staithe.audit.sinks.sink import Forwarded
from staithe.kernel.errors import ConfigurationError, Unavailable

DEFAULT_PATH: Final = "/v1/logs"
_SEVERITIES: Final = {1: (9, "INFO"), 3: (13, "WARN"), 4: (17, "ERROR"), 5: (21, "FATAL")}
"""OCSF's severity to OpenTelemetry's number and text."""


class Otlp:
    """Posts to the address given, or to /v1/logs when it has no path; 200 without rejected records acknowledges."""

    def __init__(self, url: str, context: ssl.SSLContext, token: str | None) -> None:
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._path = parts.path if parts.path not in {"", "/"} else DEFAULT_PATH
        self._poster = Poster(f"https://{parts.netloc}", context, headers)

    def send(self, events: list[Forwarded]) -> None:
        """Post the batch as one request.

        A receiver that rejects a part must not get it again, says the protocol, so that raises ConfigurationError.
        """
        answer = self._poster.post(self._path, json.dumps(_request(events)).encode(), "application/json")
        rejected = _rejected(answer)
        if rejected:
            raise ConfigurationError(f"the collector rejected {rejected} records", reason_code="SINK_REJECTED")

    def close(self) -> None:
        """Let the connections go."""
        self._poster.close()


def _request(events: list[Forwarded]) -> dict[str, Any]:
    resource = {"attributes": [_attribute("service.name", "staithe")]}
    scope = {"name": "staithe.audit"}
    records = [_record(event) for event in events]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": records}]}]}


def _record(event: Forwarded) -> dict[str, Any]:
    number, text = _SEVERITIES.get(event.ocsf["severity_id"], _SEVERITIES[1])
    attributes = [
        _attribute("event.id", event.event_id), _attribute("event.action", event.ocsf["message"]),
        _attribute("log.name", event.ocsf["metadata"]["log_name"]),
    ]  # fmt: skip
    if event.leaf_index is not None:
        attributes.append({"key": "log.leaf_index", "value": {"intValue": str(event.leaf_index)}})
    record: dict[str, Any] = {
        "timeUnixNano": str(event.ocsf["time"] * 1_000_000), "severityNumber": number, "severityText": text,
        "body": {"stringValue": event.line()}, "attributes": attributes,
    }  # fmt: skip
    if trace := event.ocsf["metadata"].get("correlation_uid"):
        record["traceId"] = trace
    return record


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _rejected(answer: bytes) -> int:
    """How many records the answer says were rejected; int64 is a string in protobuf's JSON, a number is taken too."""
    try:
        value = json.loads(answer)
        if not isinstance(value, dict):
            raise TypeError
        return int((value.get("partialSuccess") or {}).get("rejectedLogRecords", 0))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Unavailable("the collector's answer is no OTLP response", reason_code="SINK_ANSWER_ODD") from error
