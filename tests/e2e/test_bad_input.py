"""Bad input through its real doors: a reason for each, nothing else stops, and no content in any log."""

import base64
import json
import struct
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from confluent_kafka import KafkaError, Message, Producer
from support.checker import Checker, within
from support.live import LiveStack

from staithe.cli.local import SCOPES, Who
from staithe.kernel.events import AuditEvent, DeadLettered, DocumentSubmitted
from staithe.kernel.ids import new_event_id
from staithe.kernel.limits import CLAIM_BYTES_MAX, DOCUMENT_BYTES_MAX
from staithe.kernel.lineage import sha256
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier
from staithe.stack.fates import DocumentKey, Fate
from staithe.stack.identities import ISSUER, ISSUER_KEY, issuer_url
from staithe.stack.issuing import DevelopmentIssuer, TokenRequest
from staithe.stack.services import AUDIENCE

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TOPIC = "documents.submitted.v1"
CANARY = f"canary{uuid.uuid4().hex}"
"""In every bad document, name, question and token below; it may come up in no log."""
DEAD_SECONDS_MAX = 60.0


def event(**changes: Any) -> DocumentSubmitted:
    """A good submission with a document id of its own."""
    now = time.time_ns() // 1_000_000
    content = f"# Notes\n\nThe word is {CANARY}.\n".encode()
    good = DocumentSubmitted(
        event_id=new_event_id(now), tenant_id=TenantId("harbour"), document_id=DocumentId(f"bad-{uuid.uuid4().hex}"),
        document_version=now, occurred_at=now, access=Access(Tier.OFFICE, (), Classification.INTERNAL),
        source="test", name=f"{CANARY}.md", content_type="text/markdown", content=content,
    )  # fmt: skip
    return replace(good, **changes)


@dataclass(frozen=True)
class Door:
    """The topic as a source system has it: a plain Kafka client with the source's own password."""

    live: LiveStack
    checker: Checker
    producer: Producer
    restarts: dict[str, int]

    def encode(self, submitted: DocumentSubmitted) -> bytes:
        return self.checker.codec.encode(TOPIC, submitted)

    def send(self, value: bytes | None) -> Message:
        """The delivery report of an acknowledged record."""
        reports: list[tuple[KafkaError | None, Message]] = []
        self.producer.produce(TOPIC, value=value, key=b"x", on_delivery=lambda *report: reports.append(report))
        assert self.producer.flush(20) == 0
        error, message = reports[0]
        assert error is None
        return message


@pytest.fixture(scope="module")
def door(live: LiveStack, checker: Checker) -> Door:
    access = checker.local.access("source")
    restarts = {row["process"]: row["restarts"] for row in live.wait_ready(30)}
    producer = Producer(access.config(message_max_bytes=32 << 20, enable_idempotence=True))
    return Door(live, checker, producer, restarts)


def truncated(door: Door) -> bytes:
    return door.encode(event())[:-40]


BAD_RECORDS: dict[str, tuple[Callable[[Door], bytes | None], str]] = {
    "unknown_schema_id": (lambda _: struct.pack(">BI", 0, 999_999) + CANARY.encode(), "SCHEMA_UNKNOWN"),
    "truncated": (truncated, "EVENT_UNDECODABLE"),
    "trailing_bytes": (lambda door: door.encode(event()) + CANARY.encode(), "TRAILING_BYTES"),
    "not_framed": (lambda _: json.dumps({"text": CANARY}).encode(), "FRAME_MISSING"),
    "no_value": (lambda _: None, "FRAME_MISSING"),
    "empty_value": (lambda _: b"", "FRAME_MISSING"),
    "document_too_large": (
        lambda door: door.encode(event(content=b"x" * (DOCUMENT_BYTES_MAX + 1), content_type="text/plain")),
        "DOCUMENT_TOO_LARGE",
    ),
    "empty_document": (lambda door: door.encode(event(content=b"")), "DOCUMENT_EMPTY"),
    "unsupported_type": (lambda door: door.encode(event(content_type="application/zip")), "CONTENT_TYPE_UNSUPPORTED"),
    "lying_type": (lambda door: door.encode(event(content_type="application/pdf")), "CONTENT_TYPE_MISMATCH"),
    "unknown_tenant": (lambda door: door.encode(event(tenant_id=TenantId("nosuch"))), "TENANT_UNKNOWN"),
    "malformed_tenant": (lambda door: door.encode(event(tenant_id=TenantId("No Such"))), "TENANT_ID_MALFORMED"),
    "wrong_hash": (lambda door: door.encode(event(content_sha256=bytes(32))), "CONTENT_HASH_MISMATCH"),
    "no_labels": (lambda door: door.encode(event(access=None)), "ACCESS_MISSING"),
}


def test_each_bad_record_becomes_one_dead_letter_with_its_reason(door: Door) -> None:
    sent = {name: (make(door), reason) for name, (make, reason) in BAD_RECORDS.items()}
    places = {name: door.send(value) for name, (value, _) in sent.items()}
    wanted = {
        (places[name].partition(), places[name].offset()): (reason, sha256(value or b""), len(value or b""))
        for name, (value, reason) in sent.items()
    }

    def letters() -> list[DeadLettered]:
        found = [each for each in door.checker.read(f"{TOPIC}.dlq") if isinstance(each, DeadLettered)]
        return [each for each in found if (each.partition, each.offset) in wanted]

    assert within(DEAD_SECONDS_MAX, lambda: len(letters()) >= len(wanted))
    got = letters()
    assert len(got) == len(wanted)
    assert {
        (each.partition, each.offset): (each.reason_code, each.record_sha256, each.record_bytes) for each in got
    } == wanted
    assert {(each.service, each.topic) for each in got} == {("ingestion", TOPIC)}
    assert all(each.message and CANARY not in each.message for each in got)
    assert all(CANARY.encode() not in each.sealed_record for each in got)
    audited = [
        (each.attributes["partition"], each.attributes["offset"])
        for each in door.checker.read("audit.events.v1")
        if isinstance(each, AuditEvent) and each.action == "record.dead_lettered"
    ]
    assert [audited.count((str(partition), str(offset))) for partition, offset in wanted] == [1] * len(wanted)
    assert_still_answers(door)


def test_oversized_record_is_refused_by_the_broker(door: Door) -> None:
    reports: list[KafkaError | None] = []
    value = door.encode(event(content=uuid.uuid4().bytes * (9 << 16)))
    door.producer.produce(TOPIC, value=value, key=b"x", on_delivery=lambda error, _: reports.append(error))
    door.producer.flush(20)
    assert reports[0] is not None
    assert reports[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert_still_answers(door)


def upload(client: httpx.Client, content: bytes, content_type: str = "text/markdown", **labels: str) -> httpx.Response:
    given = {"tier": "1", "classification": "INTERNAL", "name": f"{CANARY}.md", **labels}
    return client.post("/v1/documents", params=given, content=content, headers={"Content-Type": content_type})


def is_problem(response: httpx.Response, status: int, slug: str) -> None:
    """RFC 9457, with a stable type, a sentence, and nothing of what was sent."""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    problem = response.json()
    assert problem["type"] == f"urn:staithe:problem:{slug}"
    assert problem["status"] == status
    assert problem["detail"]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("content", "content_type", "labels", "problem"),
    [
        (b"", "text/markdown", {}, (422, "document-empty")),
        (CANARY.encode() * (CLAIM_BYTES_MAX // len(CANARY) + 1), "text/plain", {}, (413, "document-too-large")),
        (CANARY.encode(), "application/x-canary", {}, (415, "content-type-unsupported")),
        (CANARY.encode(), "text/markdown", {"tier": CANARY}, (422, "label-invalid")),
        (CANARY.encode(), "text/markdown", {"classification": CANARY}, (422, "label-invalid")),
        (CANARY.encode(), "text/markdown", {"teir": "1"}, (422, "label-invalid")),
    ],
)
def test_bad_upload_is_a_problem(
    live: LiveStack, content: bytes, content_type: str, labels: dict[str, str], problem: tuple[int, str]
) -> None:
    with live.client("ingestion", Who("harbour")) as client:
        is_problem(upload(client, content, content_type, **labels), *problem)


def test_upload_that_lies_about_its_type_is_dead_lettered(door: Door, live: LiveStack) -> None:
    with live.client("ingestion", Who("harbour")) as client:
        accepted = upload(client, b"PK\x03\x04 not a document " + CANARY.encode(), "application/pdf")
    assert accepted.status_code == 202
    key = DocumentKey("harbour", accepted.json()["document_id"])
    version = (key, accepted.json()["document_version"])
    assert door.checker.fates([version], DEAD_SECONDS_MAX) == {version: Fate.DEAD_LETTERED}
    assert door.checker.observer.book.dead_letters(key) == ["CONTENT_TYPE_MISMATCH"]

    def told() -> dict[str, Any]:
        with live.client("ingestion", Who("harbour")) as client:
            return dict(client.get(accepted.json()["status"]).json())

    assert within(DEAD_SECONDS_MAX, lambda: told()["state"] == "DEAD_LETTERED")
    assert told()["reason_codes"] == ["CONTENT_TYPE_MISMATCH"]
    assert told()["document_version"] == version[1]


def token(
    live: LiveStack, *, age_seconds: int = 0, audience: str = AUDIENCE, key: DevelopmentIssuer | None = None
) -> str:
    url = issuer_url(live.ports)
    issuer = key or DevelopmentIssuer.load(url, live.paths.secrets_of(ISSUER) / ISSUER_KEY)
    request = TokenRequest(
        subject=CANARY, tenant_id=TenantId("harbour"), tier=Tier.OFFICE, scopes=SCOPES, audience=audience,
        lifetime_seconds=60,
    )  # fmt: skip
    return issuer.issue(request, now_ms=(time.time_ns() // 1_000_000) - 1000 * age_seconds)


def unsigned(live: LiveStack) -> str:
    """A good token's claims under `alg: none`."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{header}.{token(live).split('.')[1]}."


@pytest.mark.parametrize("service", ["query", "ingestion"])
def test_every_bad_token_is_refused_with_401(live: LiveStack, service: str, tmp_path_factory: Any) -> None:
    stranger = DevelopmentIssuer.create(issuer_url(live.ports), tmp_path_factory.mktemp("issuer") / "key.json")
    bad: dict[str, str | None] = {
        "token-missing": None,
        "token-expired": token(live, age_seconds=3600),
        "token-not-yet-valid": token(live, age_seconds=-3600),
        "token-audience": token(live, audience="somebody-else"),
        "token-too-large": "x" * 9000 + CANARY,
    }
    forged = [
        CANARY,
        f"{CANARY}.{CANARY}.{CANARY}",
        unsigned(live),
        token(live)[:-8] + "AAAAAAAA",
        token(live, key=stranger),
    ]
    cases = [*bad.items(), *(("token-invalid", each) for each in forged)]
    for slug, bearer in cases:
        with live.client(service, None, token=bearer) as client:
            response = use(client, service)
        is_problem(response, 401, slug)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    with live.client(service, None, token=token(live)) as client:  # a good one: so the refusals were for the faults
        assert use(client, service).status_code == (200 if service == "query" else 202)


def use(client: httpx.Client, service: str) -> httpx.Response:
    """What a good token would allow."""
    if service == "query":
        return client.post("/v1/answers", json={"question": CANARY})
    return upload(client, f"# {CANARY}\n".encode())


def test_token_of_an_unknown_tenant_gets_nowhere(live: LiveStack) -> None:
    nobody = Who("nosuch", 3, subject=CANARY)
    with live.client("ingestion", nobody) as client:
        is_problem(upload(client, CANARY.encode()), 403, "tenant-unknown")
    with live.client("query", nobody) as client:
        answer = client.post("/v1/answers", json={"question": f"What is {CANARY}?"}).raise_for_status().json()
        assert (answer["answered"], answer["citations"]) == (False, [])


@pytest.mark.parametrize("body", [b"", b"{", b'{"question": ""}', b'{"question": 5}', b'{"frage": "x"}', b"[]"])
def test_bad_question_is_a_problem(live: LiveStack, body: bytes) -> None:
    with live.client("query", Who("harbour")) as client:
        response = client.post("/v1/answers", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.headers["Content-Type"] == "application/problem+json"


def assert_still_answers(door: Door) -> None:
    """A good document published now is answered from."""
    word = f"kettle{uuid.uuid4().hex[:8]}"
    good = event(content=f"# Kitchen\n\nThe code of the {word} machine is 4711.\n".encode(), name="kitchen.md")
    door.send(door.encode(good))
    version = (DocumentKey(good.tenant_id, good.document_id), good.document_version)
    assert door.checker.fates([version], DEAD_SECONDS_MAX) == {version: Fate.INDEXED}
    with door.live.client("query", Who("harbour")) as client:
        question = f"What is the code of the {word} machine?"
        answer = client.post("/v1/answers", json={"question": question}).json()
        found = client.post("/v1/search", json={"question": question, "limit": 50}).json()
    assert answer["answered"]
    # Not the citations: the good documents of the tests before are nearly alike and compete for them.
    assert good.document_id in {each["document_id"] for each in found["results"]}


def test_nothing_was_damaged_and_no_content_is_in_any_log(door: Door) -> None:
    """Runs last in this module, after every bad thing above."""
    with door.live.client("query", Who("harbour", subject=CANARY)) as client:
        client.post("/v1/answers", json={"question": f"Where is {CANARY}?"}).raise_for_status()
    assert_still_answers(door)
    door.checker.assert_index_holds_what_is_current()
    door.checker.assert_audit_log_is_whole()
    files = [*door.live.paths.logs.iterdir(), *door.live.paths.audit.rglob("*"), door.live.up_log]
    assert len(files) > 10
    assert [path.name for path in files if path.is_file() and CANARY.encode() in path.read_bytes()] == []
    assert {row["process"]: row["restarts"] for row in door.live.wait_ready(30)} == door.restarts
