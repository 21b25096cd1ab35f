"""Re-identification over a real web application: the scope decides, the audit log comes first."""

import json
from collections.abc import AsyncIterator

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from staithe.kernel.errors import AccessDenied, StaitheError, Unavailable
from staithe.kernel.events import AuditEvent, Event, Outcome
from staithe.kernel.http import api_application
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.lineage import sha256
from staithe.kernel.telemetry import Headers
from staithe.kernel.vocabulary import TenantId, Tier
from staithe.sanitization.http.routes import PSEUDONYMS_MAX, ReidentifyRoutes
from staithe.sanitization.pseudonyms import PseudonymKeys

KEYS = PseudonymKeys(b"k" * 32)
MAY = frozenset({"reidentify"})
CALLERS = {
    "auditor": Caller("auditor", TenantId("harbour"), Tier.OFFICE, frozenset(), MAY),
    "reader": Caller("reader", TenantId("harbour"), Tier.ENGINEERING, frozenset(), frozenset({"search", "read"})),
    "mallory": Caller("mallory", TenantId("millrace"), Tier.OFFICE, frozenset(), MAY),
}
JANE = KEYS.reversible("harbour", "PERSON", "Jane Doe")


class FakeClock:
    def now_ms(self) -> int:
        return 1_790_000_000_000

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


class FakePublisher:
    def __init__(self) -> None:
        self.audited: list[AuditEvent] = []
        self.failure: StaitheError | None = None

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        assert (topic, headers) == ("audit.events.v1", ())
        if self.failure:
            raise self.failure
        assert isinstance(event, AuditEvent)
        self.audited.append(event)


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
async def client(publisher: FakePublisher) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    api = api_application(verifier=FakeVerifier(), logger=structlog.get_logger(), open_paths=())
    ReidentifyRoutes(KEYS, publisher, FakeClock()).add_to(api)
    async with TestClient(TestServer(api)) as opened:
        yield opened


async def ask(client: TestClient, token: str, body: bytes) -> tuple[int, bytes]:  # type: ignore[type-arg]
    response = await client.post("/v1/reidentify", data=body, headers={"Authorization": f"Bearer {token}"})
    return response.status, await response.read()


def text(value: str) -> bytes:
    return json.dumps({"text": value}).encode()


async def test_value_comes_back_after_the_audit_event(client: TestClient, publisher: FakePublisher) -> None:  # type: ignore[type-arg]
    status, body = await ask(client, "auditor", text(f"Dear {JANE}, [EMAIL] [PERSON#abcdefghijklmnop]"))
    answer = json.loads(body)
    assert (status, answer["text"], answer["opened"]) == (200, "Dear Jane Doe, [EMAIL] [PERSON#abcdefghijklmnop]", 1)
    (event,) = publisher.audited
    assert (event.event_id, event.outcome, event.attributes["results"]) == (
        answer["audit_event_id"], Outcome.SUCCESS, "1",
    )  # fmt: skip
    assert event.output_sha256 == sha256(body)
    assert "auditor" not in repr(event)
    assert "Jane" not in repr(event)


async def test_pseudonym_of_another_tenant_stays_closed(client: TestClient) -> None:  # type: ignore[type-arg]
    status, body = await ask(client, "mallory", text(JANE))
    assert (status, json.loads(body)["text"], json.loads(body)["unknown"]) == (200, JANE, 1)


async def test_caller_without_the_scope_is_refused_and_audited(client: TestClient, publisher: FakePublisher) -> None:  # type: ignore[type-arg]
    status, body = await ask(client, "reader", text(JANE))
    assert status == 403
    assert b"Jane" not in body
    assert [(each.outcome, each.reason_code) for each in publisher.audited] == [(Outcome.REFUSED, "SCOPE_MISSING")]


async def test_nothing_is_told_when_it_cannot_be_audited(client: TestClient, publisher: FakePublisher) -> None:  # type: ignore[type-arg]
    publisher.failure = Unavailable("no broker")
    status, body = await ask(client, "auditor", text(JANE))
    assert status == 503
    assert b"Jane" not in body


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"text": 1}', b'{"text": "", "tenant": "millrace"}', b"\xff"])
async def test_malformed_request_is_refused(client: TestClient, body: bytes) -> None:  # type: ignore[type-arg]
    assert (await ask(client, "auditor", body))[0] == 422


async def test_stranger_is_unauthenticated(client: TestClient, publisher: FakePublisher) -> None:  # type: ignore[type-arg]
    assert (await ask(client, "stranger", text(JANE)))[0] == 401
    assert publisher.audited == []


async def test_one_request_opens_a_bounded_number(client: TestClient) -> None:  # type: ignore[type-arg]
    _, body = await ask(client, "auditor", text(JANE * (PSEUDONYMS_MAX + 5)))
    assert (json.loads(body)["opened"], json.loads(body)["unknown"]) == (PSEUDONYMS_MAX, 5)
