"""Write one framed record for documents.submitted.v1 to standard output, for producers that know no Avro (kcat).

    .venv/bin/python examples/frame_record.py FILE CONTENT_TYPE TENANT_ID DOCUMENT_ID > record.bin

The frame is Confluent's: byte 0, four bytes of schema id (big-endian), the Avro body.
"""

import sys
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from python_source import AUTHORITY, PORT_BASE, TOPIC, submission

if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    file, media_type, tenant, document = sys.argv[1:]
    path = Path(file)
    event = submission(path.read_bytes(), media_type, tenant, document, path.name)
    registry = SchemaRegistryClient(
        {"url": f"https://127.0.0.1:{PORT_BASE + 3}/apis/ccompat/v7", "ssl.ca.location": AUTHORITY}
    )
    serializer = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    framed = serializer(event, SerializationContext(TOPIC, MessageField.VALUE))
    sys.stdout.buffer.write(framed or b"")
