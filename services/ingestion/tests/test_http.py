"""The upload API over a real web application with a fake broker: 202 only after the publish, the token decides."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

import pytest
import structlog
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from staithe.ingestion.http import request
from staithe.ingestion.http.request import LARGE_UPLOADS_MAX
from staithe.ingestion.http.routes import SUBMITTED_TOPIC, UploadRoutes
from staithe.ingestion.submission import checked_out, opened
from staithe.kernel.crypto.sealing import KeyringOpener, KeyringSealer, generate_private_key, public_key_of
from staithe.kernel.errors import AccessDenied, StaitheError, Unavailable
from staithe.kernel.events import ContentClaim, DocumentCurrent, DocumentSubmitted, Event
from staithe.kernel.http import api_application
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.limits import DOCUMENT_BYTES_MAX
from staithe.kernel.stopped import DocumentHeld, DocumentRefused
from staithe.kernel.telemetry import Headers
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

EventOf = TypeVar("EventOf")

NOW_MS = 1_790_000_000_000
TENANT_BYTES_MAX = 2 * DOCUMENT_BYTES_MAX
PLAIN = {"Content-Type": "text/plain"}
LABELS = "?tier=2&classification=INTERNAL"
PRIVATE = generate_private_key()
TENANTS = ("harbour", "millrace")
SEALER = KeyringSealer({"submission": dict.fromkeys(TENANTS, public_key_of(PRIVATE))})
OPENER = KeyringOpener({"submission": dict.fromkeys(TENANTS, PRIVATE)})
CALLERS = {
    "alice": Caller("alice", TenantId("harbour"), Tier.ANALYTICS, frozenset({"hr"}), frozenset({"publish"})),
    "reader": Caller("reader", TenantId("harbour"), Tier.ENGINEERING, frozenset(), frozenset({"search"})),
    "mallory": Caller("mallory", TenantId("millrace"), Tier.ENGINEERING, frozenset(), frozenset({"publish"})),
    "stranger": Caller("stranger", TenantId("unknown"), Tier.ENGINEERING, frozenset(), frozenset({"publish"})),
}


class FakeClock:
    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


class FakeVerifier(TokenVerifier):
    def __init__(self) -> None:
        pass

    async def verify(self, token: str, certificate: bytes | None = None) -> Caller:
        del certificate
        if token not in CALLERS:
            raise AccessDenied("token is malformed", reason_code="TOKEN_INVALID")
        return CALLERS[token]


class FakeTable(Generic[EventOf]):
    """What is known of each document."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], EventOf] = {}

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> EventOf | None:
        return self.known.get((tenant_id, document_id))


class FakeBroker:
    """Publisher, tables, object store and limits."""

    def __init__(self) -> None:
        self.published: list[DocumentSubmitted] = []
        self.failure: StaitheError | None = None
        self.store_failure: StaitheError | None = None
        self.objects: dict[str, bytes] = {}
        self.claimed: list[bool] = []
        self.current, self.held = FakeTable[DocumentCurrent](), FakeTable[DocumentHeld]()
        self.refused = FakeTable[DocumentRefused]()

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        assert (topic, headers) == (SUBMITTED_TOPIC, ())
        if self.failure:
            raise self.failure
        assert isinstance(event, DocumentSubmitted)
        assert (event.name, event.content) == ("", b"")
        self.claimed.append(event.claim is not None)
        self.published.append(opened(checked_out(event, self), OPENER))

    def put(self, event: DocumentSubmitted, sealed: bytes) -> ContentClaim:
        if self.store_failure:
            raise self.store_failure
        self.objects[event.event_id] = sealed
        return ContentClaim(sealed_bytes=len(sealed), sealed_sha256=b"")

    def get(self, event: DocumentSubmitted) -> bytes:
        return self.objects[event.event_id]

    def document_bytes_max(self, _: TenantId) -> int:
        return TENANT_BYTES_MAX


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
async def client(broker: FakeBroker) -> AsyncIterator[TestClient[Any, Any]]:
    api = api_application(verifier=FakeVerifier(), logger=structlog.get_logger(), open_paths=())
    UploadRoutes(
        broker, broker, sealer=SEALER, objects=broker, limits=broker, content_types=frozenset({"text/plain"}),
        clock=FakeClock(),
    ).add_to(api)  # fmt: skip
    async with TestClient(TestServer(api)) as made:
        yield made


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def put(
    client: TestClient[Any, Any], path: str = f"leave{LABELS}", caller: str = "alice", **more: Any
) -> ClientResponse:
    given: dict[str, Any] = {"data": b"content", "headers": PLAIN | bearer(caller)} | more
    return await client.put(f"/v1/documents/{path}", **given)


async def problem(response: ClientResponse) -> tuple[int, str]:
    assert response.content_type == "application/problem+json"
    body = json.loads(await response.text())
    assert body["status"] == response.status
    return response.status, body["type"].removeprefix("urn:staithe:problem:")


async def test_upload_is_accepted_after_the_broker_has_it(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    response = await put(client, f"leave{LABELS}&groups=hr,board&groups=hr&name=leave.txt&residency=uk")
    assert response.status == 202
    assert response.headers["Location"] == "/v1/documents/leave/status"
    assert (await response.json())["document_version"] == NOW_MS
    (event,) = broker.published
    assert (event.tenant_id, event.document_id, event.content) == ("harbour", "leave", b"content")
    assert event.access == Access(Tier.ANALYTICS, ("board", "hr"), Classification.INTERNAL)
    assert (event.name, event.residency, event.occurred_at, event.content_type) == (
        "leave.txt",
        "uk",
        NOW_MS,
        "text/plain",
    )


async def test_new_document_gets_an_id_of_ours(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    for _ in range(2):
        response = await client.post(f"/v1/documents{LABELS}", data=b"x", headers=PLAIN | bearer("alice"))
        assert response.status == 202
    assert len({event.document_id for event in broker.published}) == 2


@pytest.mark.parametrize(("failure", "status"), [(Unavailable("x"), 503), (AccessDenied("x"), 403)])
async def test_what_the_broker_did_not_take_is_not_accepted(
    client: TestClient[Any, Any], broker: FakeBroker, failure: StaitheError, status: int
) -> None:
    broker.failure = failure
    response = await put(client)
    assert response.status == status
    assert ("Retry-After" in response.headers) is (status == 503)


async def test_tenant_comes_from_the_token_and_never_from_the_request(
    client: TestClient[Any, Any], broker: FakeBroker
) -> None:
    assert (
        await put(client, caller="mallory", headers=PLAIN | bearer("mallory") | {"X-Tenant": "harbour"})
    ).status == 202
    assert broker.published[0].tenant_id == "millrace"
    for parameter in ("tenant", "tenant_id"):
        assert (await problem(await put(client, f"leave{LABELS}&{parameter}=harbour", "mallory")))[0] == 422
    assert (await problem(await put(client, f"harbour/leave{LABELS}", "mallory")))[0] == 404
    assert (await problem(await put(client, f"harbour%2Fleave{LABELS}", "mallory")))[0] in (404, 422)
    assert len(broker.published) == 1


@pytest.mark.parametrize(
    ("headers", "slug"),
    [({}, "token-missing"), (bearer("forged"), "token-invalid"), ({"Authorization": "Basic eA=="}, "token-missing")],
)
async def test_without_a_valid_token_nothing_is_read(
    client: TestClient[Any, Any], broker: FakeBroker, headers: dict[str, str], slug: str
) -> None:
    response = await put(client, headers=PLAIN | headers)
    assert await problem(response) == (401, slug)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert broker.published == []


@pytest.mark.parametrize(("caller", "slug"), [("reader", "scope-missing"), ("stranger", "tenant-unknown")])
async def test_caller_who_may_not_publish_is_refused(client: TestClient[Any, Any], caller: str, slug: str) -> None:
    assert await problem(await put(client, caller=caller)) == (403, slug)


async def test_status_needs_the_scope(client: TestClient[Any, Any]) -> None:
    response = await client.get("/v1/documents/leave/status", headers=bearer("reader"))
    assert await problem(response) == (403, "scope-missing")


@pytest.mark.parametrize("size", [TENANT_BYTES_MAX + 1, 2 * TENANT_BYTES_MAX])
async def test_document_over_the_tenants_limit_is_refused(
    client: TestClient[Any, Any], broker: FakeBroker, size: int
) -> None:
    assert await problem(await put(client, data=io.BytesIO(b"x" * size))) == (413, "document-too-large")
    assert broker.published == []


async def test_large_document_of_unsaid_length_is_refused(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 64 * 1024

    assert await problem(await put(client, data=pieces())) == (413, "document-too-large")
    assert broker.published == []


@pytest.mark.parametrize(
    ("size", "is_claimed"), [(DOCUMENT_BYTES_MAX, False), (DOCUMENT_BYTES_MAX + 4096, True), (TENANT_BYTES_MAX, True)]
)
async def test_large_document_goes_to_the_object_store_and_comes_back_whole(
    client: TestClient[Any, Any], broker: FakeBroker, size: int, is_claimed: bool
) -> None:
    assert (await put(client, data=io.BytesIO(b"x" * size))).status == 202
    assert broker.published[0].content == b"x" * size
    assert broker.claimed == [is_claimed]


async def test_large_document_is_not_announced_when_the_store_fails(
    client: TestClient[Any, Any], broker: FakeBroker
) -> None:
    broker.store_failure = Unavailable("the object store does not answer", reason_code="OBJECTS_UNAVAILABLE")
    response = await put(client, data=io.BytesIO(b"x" * TENANT_BYTES_MAX))
    assert response.status == 503
    assert broker.published == []
    assert (await put(client, data=b"small")).status == 202


async def test_more_large_uploads_than_places_all_end_well(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    sent = [
        put(client, f"d{n}{LABELS}", data=io.BytesIO(b"x" * TENANT_BYTES_MAX)) for n in range(3 * LARGE_UPLOADS_MAX)
    ]
    assert [each.status for each in await asyncio.gather(*sent)] == [202] * len(sent)
    assert len(broker.published) == len(sent)


async def test_upload_that_trickles_is_cut_off_and_frees_its_place(
    client: TestClient[Any, Any], broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "UPLOAD_SECONDS_MAX", 0.01)

    async def trickle() -> AsyncIterator[bytes]:
        yield b"x" * (DOCUMENT_BYTES_MAX + 1)
        await asyncio.sleep(5)

    assert await problem(await put(client, data=trickle())) == (408, "upload-too-slow")
    assert broker.published == []


@pytest.mark.parametrize("content_type", ["application/zip", "text/html", "application/octet-stream", "nonsense"])
async def test_other_content_type_is_refused(client: TestClient[Any, Any], content_type: str) -> None:
    response = await put(client, headers={"Content-Type": content_type} | bearer("alice"))
    assert await problem(response) == (415, "content-type-unsupported")


@pytest.mark.parametrize(
    "query",
    [
        "", "?tier=2", "?classification=INTERNAL", "?tier=0&classification=INTERNAL", "?tier=4&classification=INTERNAL",
        "?tier=true&classification=INTERNAL", "?tier=2&classification=SECRET", "?tier=2&classification=internal",
        f"{LABELS}&unknown=1", f"{LABELS}&tier=1", f"{LABELS}&classification=PUBLIC", f"{LABELS}&version=0",
        f"{LABELS}&version=9007199254740992", f"{LABELS}&residency=EU!", f"{LABELS}&residency=",
        f"{LABELS}&groups=a%20b",
        f"{LABELS}&groups={','.join(f'g{n}' for n in range(33))}", f"{LABELS}&name={'n' * 513}",
        f"{LABELS}&source={'s' * 129}", f"{LABELS}&retention_until=soon",
        f"{LABELS}&retention_until=2020-01-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_wrong_labels_are_refused(client: TestClient[Any, Any], broker: FakeBroker, query: str) -> None:
    assert (await problem(await put(client, f"leave{query}")))[0] == 422
    assert broker.published == []


async def test_refusal_names_the_parameter_and_not_its_value(client: TestClient[Any, Any]) -> None:
    response = await put(client, f"leave{LABELS}&residency=Alice-Smith")
    assert "residency" in await response.text()
    assert "Alice" not in await response.text()


@pytest.mark.parametrize("document", [".leave", "a%20b", "a%0Ab", "a" * 201, "%E2%80%AE"])
async def test_malformed_document_id_is_refused(client: TestClient[Any, Any], document: str) -> None:
    assert await problem(await put(client, f"{document}{LABELS}")) == (422, "document-id-malformed")


async def test_empty_document_is_refused(client: TestClient[Any, Any]) -> None:
    assert await problem(await put(client, data=b"")) == (422, "document-empty")


async def test_given_version_and_retention_pass_on(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    await put(client, f"leave{LABELS}&version=7&retention_until=2030-01-01T00:00:00Z")
    assert (broker.published[0].document_version, broker.published[0].retention_until) == (7, 1_893_456_000_000)


async def status(client: TestClient[Any, Any], document: str, caller: str = "alice") -> tuple[int, dict[str, Any]]:
    response = await client.get(f"/v1/documents/{document}/status", headers=bearer(caller))
    return response.status, await response.json()


async def test_status_is_the_same_for_absent_and_forbidden(client: TestClient[Any, Any], broker: FakeBroker) -> None:
    seen = DocumentCurrent(
        tenant_id=TenantId("harbour"), document_id=DocumentId("seen"), document_version=5, residency="eu",
        access=Access(Tier.OFFICE, (), Classification.INTERNAL), content_sha256=b"c" * 32, erased=False, chunk_count=3,
        occurred_at=NOW_MS,
    )  # fmt: skip
    hidden = {
        "above": replace(seen, access=Access(Tier.ENGINEERING, (), Classification.INTERNAL)),
        "group": replace(seen, access=Access(Tier.OFFICE, ("board",), Classification.INTERNAL)),
    }
    broker.current.known = {
        ("harbour", "seen"): seen,
        ("millrace", "theirs"): replace(seen, tenant_id=TenantId("millrace")),
    }
    broker.current.known |= {("harbour", name): each for name, each in hidden.items()}
    broker.current.known["harbour", "gone"] = replace(seen, erased=True)
    assert await status(client, "seen") == (
        200, {"document_id": "seen", "state": "INDEXED", "document_version": 5, "chunk_count": 3},
    )  # fmt: skip
    assert (await status(client, "gone"))[1]["state"] == "ERASED"
    for name in ("absent", "theirs", *hidden):
        assert await status(client, name) == (200, {"document_id": name, "state": "PENDING"})
    assert (await status(client, "seen", "mallory"))[1]["state"] == "PENDING"


@pytest.mark.parametrize("path", ["/", "/v1/documents/x", "/v2/documents", "/metrics"])
async def test_other_paths_tell_nothing_without_a_token(client: TestClient[Any, Any], path: str) -> None:
    assert (await problem(await client.get(path)))[0] == 401
