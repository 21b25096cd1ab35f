"""Publish one document to Staithe as a source system does: any Kafka client, and the schema registry.

    .venv/bin/python examples/python_source.py FILE CONTENT_TYPE TENANT_ID DOCUMENT_ID

Nothing of Staithe is imported. It needs `pip install "confluent-kafka[avro,schemaregistry]"`. The addresses are those
of the local stack; elsewhere, set STACK to a folder with the same two files and change the addresses.
"""

import hashlib
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

STACK = Path(os.environ.get("STAITHE_STACK_FOLDER", ".staithe"))
PORT_BASE = int(os.environ.get("STAITHE_STACK_PORT_BASE", "24100"))
AUTHORITY = str(STACK / "pki/services/ca.pem")
TOPIC = "documents.submitted.v1"


def submission(content: bytes, content_type: str, tenant_id: str, document_id: str, name: str) -> dict[str, Any]:
    """A `DocumentSubmitted` (schemas/documents/submitted.v1.avsc). Fields that are left out take their defaults."""
    return {
        "event_id": str(uuid.uuid4()),
        "tenant_id": tenant_id,
        "document_id": document_id,  # stable: publishing it again makes a new version
        "operation": "UPSERT",  # "ERASE", without content, removes the document
        "occurred_at": time.time_ns() // 1_000_000,  # also the version, unless document_version is given
        "access": {"tier": "OFFICE", "groups": [], "classification": "INTERNAL"},
        "content_sha256": hashlib.sha256(content).digest(),
        "source": "example",
        "name": name,
        "content_type": content_type,
        "content": content,
    }


def publish(event: dict[str, Any]) -> str:
    """Send the event and wait until the brokers have it; returns `topic [partition] @ offset`."""
    registry = SchemaRegistryClient(
        {"url": f"https://127.0.0.1:{PORT_BASE + 3}/apis/ccompat/v7", "ssl.ca.location": AUTHORITY}
    )
    # Sources use the schema that is registered; they never register one.
    serializer = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    producer = Producer(
        {
            "bootstrap.servers": f"127.0.0.1:{PORT_BASE}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "source",
            "sasl.password": (STACK / "secrets/source/kafka_password").read_text().strip(),
            "ssl.ca.location": AUTHORITY,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": 10_000,
        }
    )
    delivered: list[str] = []

    def on_delivery(error: Any, message: Any) -> None:
        if error is not None:
            raise SystemExit(f"not delivered: {error.str()}")
        delivered.append(f"{message.topic()} [{message.partition()}] @ {message.offset()}")

    key = f"{event['tenant_id']}/{event['document_id']}"  # one key, one partition: versions stay in order
    value = serializer(event, SerializationContext(TOPIC, MessageField.VALUE))
    producer.produce(TOPIC, key=key, value=value, on_delivery=on_delivery)
    producer.flush(15)
    return delivered[0] if delivered else sys.exit("the brokers did not answer")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    file, media_type, tenant, document = sys.argv[1:]
    path = Path(file)
    print(publish(submission(path.read_bytes(), media_type, tenant, document, path.name)))
