"""Topics of a test's own on the real broker, and the real runtimes at work on them in processes of their own."""

import json
import random
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from staithe.kernel.codec import load_event_schemas
from staithe.kernel.events import AuditEvent, Event, Outcome
from staithe.kernel.ids import new_event_id
from staithe.kernel.stream.client import KafkaAccess
from staithe.kernel.stream.registry import EventCodec, Registry
from staithe.kernel.stream.tail import Tail
from staithe.kernel.topology import Topology
from staithe.stack.identities import KEYRING, OPERATOR
from support.live import REPOSITORY, LiveStack

PROGRAMS = REPOSITORY / "tests" / "integration" / "stream_programs.py"
RANDOM = random.SystemRandom()
ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class Bench:
    """A few topics of the test's own on the real broker, and programs that work on them."""

    folder: Path
    given: dict[str, Any]
    access: KafkaAccess
    codec: EventCodec

    @property
    def closed(self) -> Path:
        return Path(self.given["closed"])

    def run(self, program: str, log: str, *, replica: int = 0) -> "subprocess.Popen[bytes]":
        settings = self.folder / f"settings-{replica}.json"
        settings.write_text(json.dumps({**self.given, "replica": replica}))
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                [sys.executable, str(PROGRAMS), program, str(settings)], stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    def logged(self, log: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / log).read_text().splitlines() if line.startswith("{")]

    def fill(self, events: list[AuditEvent]) -> None:
        producer = Producer(self.access.config(acks="all", enable_idempotence=True, linger_ms=20))
        for event in events:
            producer.produce(self.given["input"], self.codec.encode(self.given["input"], event), event.key)
            producer.poll(0)
        assert producer.flush(ANSWER_SECONDS) == 0

    def read(self, topic: str) -> list[Event]:
        tail = Tail(self.access, [topic], from_beginning=True)
        try:
            events: list[Event] = []
            while not tail.finished():
                events += [self.codec.decode(topic, each.value) for each in tail.poll(0.5)]
            return events
        finally:
            tail.close()

    def transaction(self, topic: str, values: list[tuple[bytes, bytes]], *, commit: bool) -> None:
        """One whole transaction whose records reach the log, then committed or aborted."""
        producer = Producer(self.access.config(transactional_id=f"test-{topic}-{RANDOM.random()}"))
        producer.init_transactions(ANSWER_SECONDS)
        producer.begin_transaction()
        for key, value in values:
            producer.produce(topic, value, key)
        assert producer.flush(ANSWER_SECONDS) == 0
        if commit:
            producer.commit_transaction(ANSWER_SECONDS)
        else:
            producer.abort_transaction(ANSWER_SECONDS)

    def uncommitted_keys(self, topic: str, partitions: int = 3) -> list[bytes]:
        """The control: what a reader without read_committed sees."""
        consumer = Consumer(
            self.access.config(
                group_id=OPERATOR, isolation_level="read_uncommitted", enable_partition_eof=True,
                enable_auto_commit=False,
            )
        )  # fmt: skip
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in range(partitions)])
        keys: list[bytes] = []
        ended: set[int | None] = set()
        while len(ended) < partitions:
            message = consumer.poll(ANSWER_SECONDS)
            assert message is not None
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            elif error is None:
                keys.append(message.key() or b"")
        consumer.close()
        return keys

    def moved(self) -> list[str]:
        return [each.event_id for each in self.read(self.given["output"]) if isinstance(each, AuditEvent)]


def events(count: int, *, poison_every: int = 0) -> list[AuditEvent]:
    now = time.time_ns() // 1_000_000
    return [
        AuditEvent(
            event_id=new_event_id(now), occurred_at=now, service="test", action="record.moved", outcome=Outcome.SUCCESS,
            reason_code="POISON" if poison_every and number % poison_every == 0 else "",
        )
        for number in range(count)
    ]  # fmt: skip


@contextmanager
def streams(live: LiveStack, folder: Path, *, partitions: int = 3) -> Iterator[Bench]:
    """Topics of their own with `partitions`, gone afterwards."""
    word = "".join(RANDOM.choices(string.ascii_lowercase, k=8))
    rules = {"schema": "audit/events.v1", "partitions": partitions, "retention_hours": 1}
    topics = {
        f"{word}.asked.v1": {**rules, "dead_letters": True},
        f"{word}.moved.v1": rules,
        f"{word}.current.v1": {"schema": "documents/current.v1", "partitions": 3, "compacted": True},
        "audit.events.v1": {**rules, "partitions": 1},
    }
    map_of_test = {
        "version": 1, "limits": {"record_bytes_max": 8 << 20}, "topics": topics, "services": {}, "principals": {},
        "dead_letters": {"schema": "dead_letters/recorded.v1", "partitions": 1, "retention_hours": 1},
    }  # fmt: skip
    topology, local = Topology.model_validate(map_of_test), live.local()
    registry_url, schemas = f"{local.url('registry')}/apis/ccompat/v7", load_event_schemas(REPOSITORY / "schemas")
    registry, access = Registry(registry_url, live.paths.services_authority), local.access(OPERATOR)
    admin, own = AdminClient(access.config()), [t for t in topology.all_topics() if t.name.startswith(word)]
    for future in admin.create_topics([NewTopic(each.name, each.partitions, 1) for each in own]).values():
        future.result(ANSWER_SECONDS)
    for each in own:
        registry.register(each.subject, schemas[each.schema_name])
    given = {
        "service": word, "principal": OPERATOR, "bootstrap": access.bootstrap, "password": str(access.password_file),
        "authority": str(access.ca_file), "registry": registry_url, "schemas": str(REPOSITORY / "schemas"),
        "topology": map_of_test, "keyring": str(live.paths.secrets_of("ingestion") / KEYRING),
        "input": own[0].name, "output": f"{word}.moved.v1", "closed": str(folder / "closed"),
        "seconds_per_record": 0.004, "ahead": False,
    }  # fmt: skip
    codec = EventCodec(topology, schemas, registry)
    try:
        yield Bench(folder, given, access, codec)
    finally:
        codec.close()
        for future in admin.delete_topics([each.name for each in own]).values():
            future.result(ANSWER_SECONDS)
