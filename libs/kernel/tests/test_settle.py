"""Settling one record: each class of error has its fate, and a dead letter loses nothing."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from kernel_samples import EXAMPLES, SCHEMAS, TOPOLOGY, TRACEPARENT, FakeClock, FakeLogger

from staithe.kernel.codec import EventSchema, Schema, load_event_schemas, parse_schema
from staithe.kernel.crypto.sealing import KeyringOpener, KeyringSealer, SealContext, generate_private_key, public_key_of
from staithe.kernel.errors import (
    AccessDenied,
    ConfigurationError,
    Erased,
    Integrity,
    InvalidEvent,
    StaitheError,
    Unavailable,
)
from staithe.kernel.events import AuditEvent, DeadLettered, Event
from staithe.kernel.limits import RECORD_BYTES_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.stopped import DocumentRefused, RefusalState
from staithe.kernel.stream import settle
from staithe.kernel.stream.letters import (
    HEADER_BYTES_MAX,
    HEADERS_MAX,
    KEPT_BYTES_MAX,
    REFUSED_TOPIC,
    is_whole,
    opened_record,
)
from staithe.kernel.stream.record import Record
from staithe.kernel.stream.registry import EventCodec
from staithe.kernel.stream.settle import (
    AUDIT_TOPIC,
    DEAD_LETTERS_PER_MINUTE_MAX,
    Emit,
    Preparation,
    Settlement,
    Settler,
    Stopping,
)
from staithe.kernel.telemetry import Headers, Metrics
from staithe.kernel.topology import load_topology
from staithe.kernel.vocabulary import DocumentId, TenantId

INPUT, OUTPUT = "documents.submitted.v1", "documents.ingested.v1"
OPERATOR = generate_private_key()
PUBLISHED_MS = 1_700_000_000_000
PINNED = load_event_schemas(SCHEMAS)
VALUE = PINNED["documents/submitted.v1"].encode(EXAMPLES["documents/submitted.v1"], schema_id=1)
HEADERS: Headers = (("traceparent", TRACEPARENT.encode()), ("tracestate", b"a=b"), ("secret", b"no"))


class FakeRegistry:
    """Every schema under id 1, and the one asked for when read."""

    def __init__(self) -> None:
        self.reading = "documents/submitted.v1"

    def schema_id(self, subject: str, schema: EventSchema) -> int:
        assert subject.endswith("-value")
        assert schema.name in EXAMPLES
        return 1

    def writer_schema(self, schema_id: int) -> Schema:
        if schema_id != 1:
            raise InvalidEvent("the registry has no such schema id", reason_code="SCHEMA_UNKNOWN")
        return parse_schema(PINNED[self.reading].text)

    def close(self) -> None:
        pass


@dataclass
class FakeStage:
    """Fails as told, then passes an example on."""

    failures: list[Exception] = field(default_factory=list)
    emits: Sequence[Emit] = (Emit(OUTPUT, EXAMPLES["documents/ingested.v1"]),)
    seen: list[Event] = field(default_factory=list)
    on_call: Callable[[], None] = lambda: None
    headers: Headers = HEADERS

    def __call__(self, event: Event, headers: Headers) -> Sequence[Emit]:
        assert headers == self.headers
        self.seen.append(event)
        self.on_call()
        if self.failures:
            raise self.failures.pop(0)
        return self.emits


class Bench:
    """A settler over fakes."""

    def __init__(
        self, stage: FakeStage, *, sealed: bool = True, preparation: Preparation | None = None
    ) -> None:  # fmt: skip
        self.stage, self.clock, self.logger, self.metrics = stage, FakeClock(), FakeLogger(), Metrics("test")
        self.registry = FakeRegistry()
        to_operator = public_key_of(OPERATOR)
        keys = {"record": {"staithe": to_operator}, "dead-letter": {"harbour": to_operator}} if sealed else {}
        self.codec = EventCodec(load_topology(TOPOLOGY), PINNED, self.registry)  # type: ignore[arg-type]
        self.settler = Settler(
            "ingestion", stage, self.codec, KeyringSealer(keys), metrics=self.metrics, logger=self.logger,  # type: ignore[arg-type]
            clock=self.clock, preparation=preparation,
        )  # fmt: skip
        # The pause between tries, without the waiting.
        self.settler._sleep = lambda _: None  # type: ignore[method-assign]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"staithe_test_{name}", labels) or 0.0

    def letter(self, settlement: Settlement) -> DeadLettered:
        first, second, *_ = settlement.outgoing
        assert (first.topic, second.topic) == (INPUT + ".dlq", AUDIT_TOPIC)
        self.registry.reading = "audit/events.v1"
        audit = self.codec.decode(AUDIT_TOPIC, second.value)
        assert isinstance(audit, AuditEvent)
        assert (audit.action, audit.reason_code) == ("record.dead_lettered", settlement.reason_code)
        self.registry.reading = "dead_letters/recorded.v1"
        made = self.codec.decode(first.topic, first.value)
        assert isinstance(made, DeadLettered)
        return made


def record(value: bytes | None = VALUE, key: bytes | None = b"harbour/leave", offset: int = 9) -> Record:
    return Record(INPUT, 2, offset, key, value, HEADERS, timestamp_ms=PUBLISHED_MS)


def opened(letter: DeadLettered) -> Record:
    return opened_record(letter, KeyringOpener({"record": {"staithe": OPERATOR}, "dead-letter": {"harbour": OPERATOR}}))


def test_result_goes_out_under_its_key_with_trace_and_publication_headers_only() -> None:
    stage = FakeStage()
    settlement = Bench(stage).settler.settle(record())
    (out,) = settlement.outgoing
    assert (out.topic, out.key, settlement.reason_code) == (OUTPUT, b"harbour/leave-policy", "")
    assert out.headers == (*HEADERS[:2], ("published-at", b"%d" % PUBLISHED_MS))
    assert stage.seen == [EXAMPLES["documents/submitted.v1"]]


@pytest.mark.parametrize(
    ("header", "published_ms"),
    [(b"1699999999000", PUBLISHED_MS - 1000), (b"-5", PUBLISHED_MS), (b"9" * 15, PUBLISHED_MS), (b"x", PUBLISHED_MS)],
)
def test_freshness_counts_from_the_first_publication(header: bytes, published_ms: int) -> None:
    bench = Bench(FakeStage(headers=(*HEADERS, ("published-at", header))))
    bench.clock.ms = PUBLISHED_MS + 3000
    arrived = replace(record(), headers=bench.stage.headers)
    settlement = bench.settler.settle(arrived)
    assert settlement.outgoing[0].headers[-1] == ("published-at", b"%d" % published_ms)
    bench.settler.committed([settlement])
    seconds = (PUBLISHED_MS - published_ms) / 1000 + 3
    assert bench.count("freshness_seconds_sum") == pytest.approx(seconds)
    assert bench.count("transit_seconds_sum") == pytest.approx(3)


@pytest.mark.parametrize("key", [b"harbour/leave", b"", None, b"\xff"])
def test_invalid_event_becomes_a_dead_letter_that_loses_no_byte(key: bytes | None) -> None:
    bench = Bench(FakeStage([InvalidEvent("the document is empty", reason_code="DOCUMENT_EMPTY")]))
    settlement = bench.settler.settle(record(key=key))
    letter = bench.letter(settlement)
    assert settlement.reason_code == letter.reason_code == "DOCUMENT_EMPTY"
    assert (letter.service, letter.topic, letter.partition, letter.offset) == ("ingestion", INPUT, 2, 9)
    assert opened(letter) == replace(record(key=key), timestamp_ms=0)
    assert (letter.record_sha256, letter.record_bytes, letter.traceparent) == (sha256(VALUE), len(VALUE), TRACEPARENT)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "FRAME_MISSING"),
        (b"", "FRAME_MISSING"),
        (b"hello", "FRAME_MISSING"),
        (b"\0\0\0\0\2" + VALUE[5:], "SCHEMA_UNKNOWN"),
        (VALUE[:-1], "EVENT_UNDECODABLE"),
        (VALUE + b"\0", "TRAILING_BYTES"),
    ],
)
def test_record_that_does_not_decode_never_reaches_the_stage(value: bytes | None, code: str) -> None:
    stage = FakeStage()
    bench = Bench(stage)
    settlement = bench.settler.settle(record(value))
    assert settlement.reason_code == code
    assert opened(bench.letter(settlement)) == replace(record(value), timestamp_ms=0)
    assert len(settlement.outgoing) == 2
    assert stage.seen == []


@pytest.mark.parametrize("crash", [RuntimeError("secret content"), KeyError("x"), MemoryError(), RecursionError()])
def test_crash_of_the_stage_is_a_dead_letter_without_its_words(crash: Exception) -> None:
    bench = Bench(FakeStage([crash]))
    letter = bench.letter(bench.settler.settle(record()))
    assert letter.reason_code == "STAGE_CRASHED"
    assert type(crash).__name__ in letter.message
    assert "secret" not in repr((letter, bench.logger.lines))


@pytest.mark.parametrize("failure", [AccessDenied("x"), Integrity("x"), ConfigurationError("x")])
def test_failure_that_must_stop_the_stream_propagates(failure: StaitheError) -> None:
    with pytest.raises(type(failure)):
        Bench(FakeStage([failure])).settler.settle(record())


def test_unavailable_is_retried_in_place_until_it_works() -> None:
    stage = FakeStage([Unavailable("x", reason_code="MILVUS_DOWN") for _ in range(7)])
    bench = Bench(stage)
    assert bench.settler.settle(record()).reason_code == ""
    assert len(stage.seen) == 8
    assert bench.count("retries_total", reason_code="MILVUS_DOWN") == 7
    assert bench.logger.events() == ["retrying_in_place"] * 7


def test_pauses_between_tries_grow_and_stay_bounded() -> None:
    bench = Bench(FakeStage([Unavailable("x") for _ in range(40)]))
    pauses: list[float] = []
    bench.settler._sleep = pauses.append  # type: ignore[method-assign]
    bench.settler.settle(record())
    assert len(pauses) == 40
    assert max(pauses) <= settle.RETRY_SECONDS_MAX
    assert max(pauses[:3]) < 1


def test_stopping_ends_a_retry_and_settles_nothing() -> None:
    stage = FakeStage([Unavailable("x")] * 3)
    bench = Bench(stage)
    del bench.settler._sleep
    stage.on_call = bench.settler.stop
    with pytest.raises(Stopping):
        bench.settler.settle(record())
    assert len(stage.seen) == 1


def test_stopped_settler_takes_no_record() -> None:
    stage = FakeStage()
    bench = Bench(stage)
    bench.settler.stop()
    with pytest.raises(Stopping):
        bench.settler.settle(record())
    assert stage.seen == []


def test_waiting_retry_wakes_up_at_shutdown() -> None:
    stage = FakeStage([Unavailable("x")] * 1000)
    bench = Bench(stage)
    del bench.settler._sleep
    ended = threading.Event()

    def run() -> None:
        with pytest.raises(Stopping):
            bench.settler.settle(record())
        ended.set()

    thread = threading.Thread(target=run)
    stage.on_call = lambda: bench.settler.stop() if len(stage.seen) == 2 else None
    thread.start()
    assert ended.wait(10)
    thread.join()


def test_batch_is_prepared_without_the_records_that_do_not_decode() -> None:
    prepared: list[Event] = []
    bench = Bench(FakeStage(), preparation=prepared.extend)
    bench.settler.prepare([record(), record(value=b"nonsense"), record(value=None), record()])
    assert prepared == [EXAMPLES["documents/submitted.v1"]] * 2


@pytest.mark.parametrize("failure", [Unavailable("no"), AccessDenied("no"), ValueError("no")])
def test_failed_preparation_harms_no_record(failure: Exception) -> None:
    def fail(_: Sequence[Event]) -> None:
        raise failure

    bench = Bench(FakeStage(), preparation=fail)
    bench.settler.prepare([record()])
    assert not bench.settler.settle(record()).reason_code
    assert bench.logger.events() == ["preparation_failed"]


def test_result_for_a_topic_not_on_the_map_is_a_crash() -> None:
    bench = Bench(FakeStage(emits=[Emit("other.topic", EXAMPLES["audit/events.v1"])]))
    assert bench.settler.settle(record()).reason_code == "STAGE_CRASHED"


def test_result_of_the_wrong_class_is_a_dead_letter() -> None:
    bench = Bench(FakeStage(emits=[Emit(OUTPUT, EXAMPLES["audit/events.v1"])]))
    assert bench.settler.settle(record()).reason_code == "EVENT_TYPE"


def test_result_that_no_topic_takes_is_a_dead_letter() -> None:
    large = replace(EXAMPLES["documents/ingested.v1"], sealed_text=bytes(RECORD_BYTES_MAX))
    assert Bench(FakeStage(emits=[Emit(OUTPUT, large)])).settler.settle(record()).reason_code == "OUTPUT_TOO_LARGE"


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (b"harbour/leave", ("harbour", "leave")), (b"stranger/leave", ("", "")), (b"harbour/", ("", "")),
        (b"harbour", ("", "")), (b"Harbour/leave", ("", "")), (b"harbour/a/b", ("", "")), (b"\xff/leave", ("", "")),
        (None, ("", "")),
    ],
)  # fmt: skip
def test_dead_letter_goes_with_the_document_that_its_key_names(key: bytes | None, named: tuple[str, str]) -> None:
    bench = Bench(FakeStage([InvalidEvent("x")]))
    letter = bench.letter(bench.settler.settle(record(key=key)))
    assert (letter.tenant_id, letter.document_id) == named
    assert opened(letter).key == key
    with pytest.raises(Integrity):
        opened(replace(letter, tenant_id="harbour", document_id="other"))


def test_erased_version_ends_with_its_audit_event_alone() -> None:
    bench = Bench(FakeStage([Erased("this version of the document was erased")]))
    settlement = bench.settler.settle(record())
    (out,) = settlement.outgoing
    bench.registry.reading = "audit/events.v1"
    audit = bench.codec.decode(AUDIT_TOPIC, out.value)
    assert isinstance(audit, AuditEvent)
    assert (out.topic, settlement.reason_code) == (AUDIT_TOPIC, "")
    assert (audit.action, audit.reason_code) == ("document.superseded", "DOCUMENT_ERASED")


def test_without_the_operators_key_the_stream_stops_rather_than_lose_a_record() -> None:
    with pytest.raises(InvalidEvent) as refusal:
        Bench(FakeStage([InvalidEvent("x")]), sealed=False).settler.settle(record())
    assert refusal.value.reason_code == "TENANT_UNKNOWN"


def test_record_too_large_for_its_dead_letter_is_cut_and_says_so() -> None:
    bench = Bench(FakeStage())
    huge = b"x" * (RECORD_BYTES_MAX + 9000)
    letter = bench.letter(bench.settler.settle(record(huge)))
    assert (letter.record_bytes, letter.record_sha256) == (len(huge), sha256(huge))
    kept = opened(letter)
    assert huge.startswith(kept.value or b"")
    assert not is_whole(letter, kept)
    assert KEPT_BYTES_MAX < len(letter.sealed_record) < KEPT_BYTES_MAX + 100


def test_headers_are_kept_within_limits_and_trace_context_before_the_rest() -> None:
    flood = [(f"x{number}", b"v" * 200) for number in range(HEADERS_MAX * 2)]
    bench = Bench(FakeStage())
    sent = replace(record(None), headers=(*flood, *HEADERS[:2]))
    kept = opened(bench.letter(bench.settler.settle(sent))).headers
    assert tuple(kept[:2]) == HEADERS[:2]
    assert list(kept[2:]) == flood[: len(kept) - 2]
    assert len(kept) == HEADERS_MAX
    large = replace(record(None), headers=(("x", b"v" * HEADER_BYTES_MAX), *HEADERS[:2]))
    assert opened(bench.letter(bench.settler.settle(large))).headers == HEADERS[:2]


def sealed_as(letter: DeadLettered, text: bytes) -> bytes:
    context = SealContext("dead-letter", letter.tenant_id, letter.document_id, 0, letter.place)
    return KeyringSealer({"dead-letter": {"harbour": public_key_of(OPERATOR)}}).seal(context, text)


def test_letter_of_the_first_format_still_opens() -> None:
    bench = Bench(FakeStage())
    letter = bench.letter(bench.settler.settle(record(None)))
    first = sealed_as(letter, b"\0\0\0\1kvalue")
    assert opened(replace(letter, sealed_record=first, sealed_format=1)) == Record(INPUT, 2, 9, b"k", b"value", ())


@pytest.mark.parametrize("sealed", [b"", b"\0\0\0", b"\0\0\0\1k", b"\0\0\0\0\0\0\0\1"])
def test_letter_that_holds_no_record_is_refused(sealed: bytes) -> None:
    bench = Bench(FakeStage())
    letter = bench.letter(bench.settler.settle(record(None)))
    blob = sealed_as(letter, sealed)
    with pytest.raises(Integrity) as refusal:
        opened(replace(letter, sealed_record=blob))
    assert refusal.value.reason_code == "LETTER_MALFORMED"


def refused_of(bench: Bench, settlement: Settlement) -> DocumentRefused | None:
    bench.registry.reading = "documents/refused.v1"
    made = [bench.codec.decode(each.topic, each.value) for each in settlement.outgoing if each.topic == REFUSED_TOPIC]
    assert all(isinstance(each, DocumentRefused) for each in made)
    return made[0] if made else None  # type: ignore[return-value]


def test_refusal_of_a_known_document_is_told_without_content() -> None:
    bench = Bench(FakeStage([InvalidEvent("the document is empty", reason_code="DOCUMENT_EMPTY")]))
    settlement = bench.settler.settle(record(key=b"other/key"))
    refused, letter = refused_of(bench, settlement), bench.letter(settlement)
    assert refused == DocumentRefused(
        event_id=letter.event_id, tenant_id=TenantId("harbour"), document_id=DocumentId("leave-policy"),
        document_version=7, access=EXAMPLES["documents/submitted.v1"].access, state=RefusalState.DEAD_LETTERED,  # type: ignore[union-attr]
        service="ingestion", reason_code="DOCUMENT_EMPTY", occurred_at=letter.occurred_at,
    )  # fmt: skip


@pytest.mark.parametrize("tenant", ["No Such", "", "a/b"])
def test_refusal_of_a_malformed_document_is_told_to_nobody(tenant: str) -> None:
    submitted = replace(EXAMPLES["documents/submitted.v1"], tenant_id=TenantId(tenant))
    value = PINNED["documents/submitted.v1"].encode(submitted, schema_id=1)
    bench = Bench(FakeStage([InvalidEvent("x", reason_code="TENANT_ID_MALFORMED")]))
    assert refused_of(bench, bench.settler.settle(record(value))) is None


def test_what_is_committed_is_counted_by_fate() -> None:
    bench = Bench(FakeStage())
    bench.settler.committed([Settlement(record(), (), ""), Settlement(record(), (), "X_Y")])
    assert bench.count("records_total", topic=INPUT, fate="moved") == 1
    assert bench.count("records_total", topic=INPUT, fate="dead_lettered") == 1
    assert bench.count("dead_letters_total", reason_code="X_Y") == 1
    assert bench.logger.lines == [
        ("warning", "record_dead_lettered", {"topic": INPUT, "partition": 2, "offset": 9, "reason_code": "X_Y"})
    ]


def bury(bench: Bench, count: int) -> None:
    bench.settler.committed([Settlement(record(), (), "X_Y")] * count)


def test_flood_of_dead_letters_stops_and_stays_stopped() -> None:
    bench = Bench(FakeStage())
    bury(bench, DEAD_LETTERS_PER_MINUTE_MAX - 1)
    assert not bench.settler.flooded()
    bury(bench, 1)
    assert bench.settler.flooded()
    assert bench.count("dead_letter_flood") == 1
    assert "dead_letter_flood" in bench.logger.events()
    bench.clock.seconds += 3600
    bury(bench, 1)
    assert bench.settler.flooded()


def test_slow_trickle_of_dead_letters_is_no_flood() -> None:
    bench = Bench(FakeStage())
    for _ in range(3):
        bury(bench, DEAD_LETTERS_PER_MINUTE_MAX - 1)
        bench.clock.seconds += 61
    assert not bench.settler.flooded()
