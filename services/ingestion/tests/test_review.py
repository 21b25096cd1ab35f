"""The review desk: two different people release, one rejects, everything is written down first, nothing is shown."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from staithe.ingestion.http.reviews import ReviewRoutes
from staithe.ingestion.review import REVIEWED_TOPIC, ReviewAuthor, Reviewers
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.crypto.signing import Signer, verify
from staithe.kernel.errors import AccessDenied, ConfigurationError, StaitheError, Unavailable
from staithe.kernel.events import AuditEvent, Event
from staithe.kernel.files import write_secret
from staithe.kernel.http import api_application
from staithe.kernel.identity.caller import Caller
from staithe.kernel.identity.verify import TokenVerifier
from staithe.kernel.stopped import Decision, DocumentHeld, DocumentReviewed, HoldState
from staithe.kernel.telemetry import Headers
from staithe.kernel.vocabulary import Access, Classification, DocumentId, TenantId, Tier

NOW_MS = 1_790_000_000_000
SIGNER = Signer.generate()
REASONS = ("PRIVATE_KEY_FOUND", "PROMPT_INJECTION")
HELD = DocumentHeld(
    event_id="held-1", tenant_id=TenantId("harbour"), document_id=DocumentId("leave"), document_version=5,
    access=Access(Tier.ANALYTICS, (), Classification.INTERNAL), state=HoldState.HELD, reason_codes=REASONS,
    occurred_at=NOW_MS,
)  # fmt: skip


def caller(name: str, tenant: str = "harbour", tier: Tier = Tier.ENGINEERING, scope: str = "review") -> Caller:
    return Caller(name, TenantId(tenant), tier, frozenset(), frozenset({scope}))


CALLERS = {
    "alice": caller("alice"), "bob": caller("bob"), "writer": caller("writer", scope="publish"),
    "stranger": caller("alice", "millrace"), "junior": caller("junior", tier=Tier.OFFICE),
}  # fmt: skip


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


@dataclass
class FakeTopics:
    """Publisher, holds, and reviews, which are read back at the next catch-up."""

    holds: list[DocumentHeld] = field(default_factory=lambda: [HELD])
    sent: list[Event] = field(default_factory=list)
    known: DocumentReviewed | None = None
    failure: StaitheError | None = None

    def publish(self, topic: str, event: Event, headers: Headers = ()) -> None:
        if self.failure:
            raise self.failure
        assert headers == ()
        assert topic == (REVIEWED_TOPIC if isinstance(event, DocumentReviewed) else "audit.events.v1")
        self.sent.append(event)

    def catch_up(self) -> None:
        self.known = self.reviews[-1] if self.reviews else self.known

    def newest(self) -> list[DocumentHeld]:
        return self.holds

    @property
    def reviews(self) -> list[DocumentReviewed]:
        return [each for each in self.sent if isinstance(each, DocumentReviewed)]

    @property
    def actions(self) -> list[str]:
        return [each.action for each in self.sent if isinstance(each, AuditEvent)]


class Holds:
    def __init__(self, topics: FakeTopics) -> None:
        self._topics = topics

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentHeld | None:
        found = [each for each in self._topics.holds if (each.tenant_id, each.document_id) == (tenant_id, document_id)]
        return found[0] if found else None

    def newest(self) -> list[DocumentHeld]:
        return self._topics.holds


class Words:
    def __init__(self, topics: FakeTopics) -> None:
        self._topics = topics

    def get(self, tenant_id: TenantId, document_id: DocumentId) -> DocumentReviewed | None:
        known = self._topics.known
        return known if known and (known.tenant_id, known.document_id) == (tenant_id, document_id) else None

    def catch_up(self) -> None:
        self._topics.catch_up()


@pytest.fixture
def topics() -> FakeTopics:
    return FakeTopics()


@pytest.fixture
async def client(topics: FakeTopics) -> AsyncIterator[TestClient[Any, Any]]:
    api = api_application(verifier=FakeVerifier(), logger=structlog.get_logger(), open_paths=())
    ReviewRoutes(
        topics, Holds(topics), Words(topics), reviewers=Reviewers(b"k" * 32),
        author=ReviewAuthor(SIGNER, FakeClock()), audit=AuditAuthor("ingestion", FakeClock()),
    ).add_to(api)  # fmt: skip
    async with TestClient(TestServer(api)) as made:
        yield made


async def post(
    client: TestClient[Any, Any], act: str, who: str, document: str = "leave", **body: Any
) -> tuple[int, str]:
    """Status, and the decision or the problem's name."""
    answer = await client.post(
        f"/v1/quarantine/{document}/{act}", json={"document_version": 5, **body},
        headers={"Authorization": f"Bearer {who}"},
    )  # fmt: skip
    told = await answer.json()
    return answer.status, told.get("decision") or told["type"].removeprefix("urn:staithe:problem:")


async def test_two_people_release_and_sanitization_gets_their_signed_word(
    client: TestClient[Any, Any], topics: FakeTopics
) -> None:
    assert await post(client, "release", "alice") == (202, "ASKED")
    assert await post(client, "release", "bob") == (202, "RELEASED")
    asked, released = topics.reviews
    assert (asked.decision, released.decision) == (Decision.ASKED, Decision.RELEASED)
    assert released.asked_by == asked.asked_by != released.decided_by
    assert (released.waived_reasons, released.held_event_id, released.document_version) == (REASONS, "held-1", 5)
    for each in topics.reviews:
        verify(SIGNER.public_key, each.signature, each.signed_bytes())
    assert topics.actions == ["quarantine.release_asked", "quarantine.release_approved"]
    assert not {"alice", "bob"} & set(repr(topics.sent).split("'"))


async def test_the_same_person_twice_is_refused_and_written_down(
    client: TestClient[Any, Any], topics: FakeTopics
) -> None:
    await post(client, "release", "alice")
    assert await post(client, "release", "alice") == (409, "second-reviewer-needed")
    assert [each.decision for each in topics.reviews] == [Decision.ASKED]
    assert topics.actions == ["quarantine.release_asked", "quarantine.release_refused"]


async def test_approval_of_something_else_than_was_asked_is_refused(
    client: TestClient[Any, Any], topics: FakeTopics
) -> None:
    assert await post(client, "release", "alice", waive=["PROMPT_INJECTION"]) == (202, "ASKED")
    assert await post(client, "release", "bob") == (409, "waiver-differs")
    assert await post(client, "release", "bob", waive=["PROMPT_INJECTION"]) == (202, "RELEASED")
    assert topics.reviews[-1].waived_reasons == ("PROMPT_INJECTION",)


async def test_whoever_asked_may_ask_for_something_else(client: TestClient[Any, Any]) -> None:
    assert await post(client, "release", "alice", waive=["PROMPT_INJECTION"]) == (202, "ASKED")
    assert await post(client, "release", "alice") == (202, "ASKED")
    assert await post(client, "release", "alice") == (409, "second-reviewer-needed")


async def test_one_person_rejects_and_that_is_final(client: TestClient[Any, Any], topics: FakeTopics) -> None:
    await post(client, "release", "alice")
    assert await post(client, "reject", "alice") == (202, "REJECTED")
    for act in ("release", "reject"):
        assert await post(client, act, "bob") == (409, "review-decided")
    assert topics.reviews[-1].decision is Decision.REJECTED


async def test_word_about_an_earlier_hold_does_not_count(client: TestClient[Any, Any], topics: FakeTopics) -> None:
    await post(client, "release", "alice")
    topics.holds[0] = replace(HELD, event_id="held-2")
    assert await post(client, "release", "bob") == (202, "ASKED")


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        ("writer", (403, "scope-missing")), ("stranger", (404, "not-held")), ("junior", (404, "not-held")),
        ("nobody", (401, "token-invalid")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("act", ["release", "reject"])
async def test_who_may_not_review_learns_and_changes_nothing(
    client: TestClient[Any, Any], topics: FakeTopics, act: str, who: str, answer: tuple[int, str]
) -> None:
    assert await post(client, act, who) == answer
    assert topics.sent == []


@pytest.mark.parametrize("state", [HoldState.RELEASED, HoldState.REJECTED, HoldState.SUPERSEDED])
async def test_hold_that_is_over_cannot_be_reviewed(
    client: TestClient[Any, Any], topics: FakeTopics, state: HoldState
) -> None:
    topics.holds[0] = replace(HELD, state=state)
    assert await post(client, "release", "alice") == (404, "not-held")


@pytest.mark.parametrize(
    ("document", "body", "answer"),
    [
        ("other", {}, (404, "not-held")), ("leave", {"document_version": 6}, (404, "not-held")),
        ("leave", {"document_version": 0}, (422, "body-invalid")), ("leave", {"more": 1}, (422, "body-invalid")),
        ("leave", {"waive": ["SOMETHING"]}, (422, "reason-unknown")),
        ("leave", {"waive": ["X"] * 9}, (422, "body-invalid")), (".x", {}, (422, "document-id-malformed")),
        ("leave", {"waive": ["x" * 5000]}, (413, "body-too-large")),
    ],
)  # fmt: skip
async def test_review_of_what_is_not_there_is_refused(
    client: TestClient[Any, Any], topics: FakeTopics, document: str, body: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert await post(client, "release", "alice", document, **body) == answer
    assert topics.reviews == []


async def test_nothing_takes_effect_that_could_not_be_written_down(
    client: TestClient[Any, Any], topics: FakeTopics
) -> None:
    topics.failure = Unavailable("x")
    assert (await post(client, "release", "alice"))[0] == 503
    assert topics.sent == []


async def test_list_shows_what_the_caller_may_see(client: TestClient[Any, Any], topics: FakeTopics) -> None:
    async def listed(who: str) -> list[dict[str, Any]]:
        answer = await client.get("/v1/quarantine", headers={"Authorization": f"Bearer {who}"})
        return list((await answer.json()).get("held", []))

    (row,) = await listed("alice")
    assert (row["document_id"], row["reason_codes"], row["release_asked"]) == ("leave", list(REASONS), None)
    await post(client, "release", "alice")
    topics.catch_up()
    assert (await listed("alice"))[0]["release_asked"] == list(REASONS)
    assert [await listed(who) for who in ("stranger", "junior", "writer", "nobody")] == [[]] * 4


def test_short_key_is_refused(tmp_path: Path) -> None:
    write_secret(tmp_path / "key", b"k" * 31)
    with pytest.raises(ConfigurationError):
        Reviewers.from_file(tmp_path / "key")


def test_same_name_in_two_tenants_is_two_people() -> None:
    reviewers = Reviewers(b"k" * 32)
    assert reviewers.of(CALLERS["alice"]) != reviewers.of(CALLERS["stranger"])
    assert reviewers.of(CALLERS["alice"]) != Reviewers(b"l" * 32).of(CALLERS["alice"])
