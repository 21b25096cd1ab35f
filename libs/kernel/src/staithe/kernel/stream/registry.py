"""Schema ids: which schema a record was written under, and under which id ours is registered.

Ids never change their meaning, so answers are kept for the life of the process, up to a limit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from staithe.kernel.codec import EventSchema, parse_schema
from staithe.kernel.errors import ConfigurationError, InvalidEvent, Unavailable
from staithe.kernel.events import Event
from staithe.kernel.topology import Topology

WRITER_SCHEMAS_MAX: Final = 1024
"""One topic sees a handful of writer schemas; a thousand ids is somebody guessing."""
TIMEOUT_SECONDS: Final = 5
_NOT_FOUND: Final = 404


class Registry:
    """A schema registry with Confluent's API, over TLS."""

    def __init__(self, url: str, ca_file: Path) -> None:
        """Connects at the first question; raises ConfigurationError when `ca_file` is not usable."""
        try:
            self._client = SchemaRegistryClient(
                {"url": url, "ssl.ca.location": str(ca_file), "timeout": TIMEOUT_SECONDS, "max.retries": 1}
            )
        except OSError as error:
            raise ConfigurationError(
                f"cannot use {ca_file} as certificate authority ({error.strerror}): set STAITHE_…_CA_FILE to the PEM "
                "file that signed the listeners' certificates",
                reason_code="CA_UNREADABLE",
            ) from error
        self._writers: dict[int, Mapping[str, Any]] = {}

    def close(self) -> None:
        """Let the connections go; call nothing afterwards."""
        self._client.close()

    def writer_schema(self, schema_id: int) -> Mapping[str, Any]:
        """The checked schema with this id.

        Raises InvalidEvent when there is none or it is refused, Unavailable when the registry cannot answer.
        """
        known = self._writers.get(schema_id)
        if known is not None:
            return known
        if len(self._writers) >= WRITER_SCHEMAS_MAX:
            raise InvalidEvent("too many writer schemas in one process", reason_code="SCHEMA_FLOOD")
        parsed = parse_schema(self._text(schema_id))
        self._writers[schema_id] = parsed
        return parsed

    def _text(self, schema_id: int) -> str:
        try:
            return str(self._client.get_schema(schema_id).schema_str)
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise InvalidEvent("the registry has no such schema id", reason_code="SCHEMA_UNKNOWN") from error
            raise _unavailable() from error
        except (httpx2.HTTPError, OSError) as error:
            raise _unavailable() from error

    def schema_id(self, subject: str, schema: EventSchema) -> int:
        """The id under which exactly this schema is registered for `subject`.

        Raises ConfigurationError when it is not registered, Unavailable when the registry cannot answer.
        """
        try:
            found = self._client.lookup_schema(subject, Schema(schema.text, "AVRO"))
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise ConfigurationError(
                    f"schema {schema.name} is not registered for {subject}: run `staithe topology apply`",
                    reason_code="SCHEMA_UNREGISTERED",
                ) from error
            raise _unavailable() from error
        except (httpx2.HTTPError, OSError) as error:
            raise _unavailable() from error
        if found.schema_id is None:
            raise _unavailable()
        return found.schema_id

    def register(self, subject: str, schema: EventSchema) -> int:
        """Register `schema` under BACKWARD_TRANSITIVE and return its id; operators only.

        Raises ConfigurationError when the registry refuses it as incompatible, Unavailable when it cannot answer.
        """
        try:
            schema_id = self._client.register_schema(subject, Schema(schema.text, "AVRO"))
            self._client.set_compatibility(subject_name=subject, level="BACKWARD_TRANSITIVE")
        except SchemaRegistryError as error:
            raise ConfigurationError(
                f"the registry refused {schema.name} for {subject} (HTTP {error.http_status_code}): "
                "a changed schema needs defaults for new fields, or a new version of the topic",
                reason_code="SCHEMA_REFUSED",
            ) from error
        except (httpx2.HTTPError, OSError) as error:
            raise _unavailable() from error
        return int(schema_id)


def _unavailable() -> Unavailable:
    return Unavailable("the schema registry does not answer", reason_code="REGISTRY_UNAVAILABLE")


class EventCodec:
    """Encodes and decodes the events of each topic on the map."""

    def __init__(self, topology: Topology, schemas: Mapping[str, EventSchema], registry: Registry) -> None:
        self._schemas = {topic.name: schemas[topic.schema_name] for topic in topology.all_topics()}
        self._subjects = {topic.name: topic.subject for topic in topology.all_topics()}
        self._registry = registry
        self._ids: dict[str, int] = {}

    def close(self) -> None:
        """Let the registry's connections go; call nothing afterwards."""
        self._registry.close()

    def encode(self, topic: str, event: Event) -> bytes:
        """`event` as a record value for `topic`; raises InvalidEvent, ConfigurationError or Unavailable."""
        schema = self._schemas[topic]
        if topic not in self._ids:
            self._ids[topic] = self._registry.schema_id(self._subjects[topic], schema)
        return schema.encode(event, schema_id=self._ids[topic])

    def decode(self, topic: str, record_value: bytes | None) -> Event:
        """The event in a record of `topic`; raises InvalidEvent or Unavailable."""
        return self._schemas[topic].decode(record_value, self._registry.writer_schema)
