"""Evidence of answers: who gets it, and that nobody else learns that it exists."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from staithe.kernel.errors import AccessDenied, Unavailable

Bearer = Callable[[str], dict[str, str]]
NOW_MS = 1_790_000_000_000
OLD = f"{NOW_MS - 3_600_000:012x}"
OLD_ID = f"{OLD[:8]}-{OLD[8:]}-7000-8000-000000000001"
NEW = f"{NOW_MS:012x}"
NEW_ID = f"{NEW[:8]}-{NEW[8:]}-7000-8000-000000000002"


CASES = [("bob", OLD_ID, 404), ("bob", NEW_ID, 409), ("mallory", OLD_ID, 404), ("mallory", NEW_ID, 409)]


@pytest.fixture(autouse=True)
def clock_that_moves(world: Any) -> None:
    """Each look at the clock is six seconds later, so that no test waits for more than one poll."""
    ticks = iter(range(10**6))
    world.clock.monotonic = lambda: next(ticks) * 6.0


def put(world: Any, answer_id: str, owner: str = "alice") -> None:
    caller = world.callers[owner]
    recorded = {"tenant_id": caller.tenant_id, "attributes": {"caller_hmac": world.trail.caller_hmac(caller)}}
    world.log.bundles[answer_id] = json.dumps(
        {"format": "staithe/evidence/v1", "answer_id": answer_id, "answer": 7, "citations": [], "checkpoint": "c",
         "entries": [{"leaf_index": 7, "entry": json.dumps(recorded), "path": []}]}
    ).encode()  # fmt: skip


async def test_caller_who_asked_gets_the_evidence_with_the_salt(world: Any, client: Any, bearer: Bearer) -> None:
    put(world, OLD_ID)
    response = await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer("alice"))
    shown = await response.json()
    assert response.status == 200
    assert shown["salt"] == world.trail.salt_of(OLD_ID).hex()
    assert {name: shown[name] for name in json.loads(world.log.bundles[OLD_ID])} == json.loads(
        world.log.bundles[OLD_ID]
    )
    [event] = world.publisher.audited()
    assert (event.action, event.attributes["answer_id"]) == ("evidence.read", OLD_ID)


async def test_auditor_of_the_tenant_gets_it_without_the_salt(world: Any, client: Any, bearer: Bearer) -> None:
    put(world, OLD_ID)
    response = await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer("auditor"))
    assert response.status == 200
    assert "salt" not in await response.json()


@pytest.mark.parametrize("case", CASES)
async def test_anothers_answer_looks_like_one_that_is_not_there(
    world: Any, client: Any, bearer: Bearer, case: tuple[str, str, int]
) -> None:
    caller, answer_id, status = case
    absent = await client.get(f"/v1/evidence/{answer_id}", headers=bearer(caller))
    looks = world.log.asked
    put(world, answer_id)
    forbidden = await client.get(f"/v1/evidence/{answer_id}", headers=bearer(caller))
    first, second = [await each.json(content_type="application/problem+json") for each in (absent, forbidden)]
    assert {**first, "instance": ""} == {**second, "instance": ""}
    assert absent.status == forbidden.status == status
    assert world.log.asked == 2 * looks
    assert [event.action for event in world.publisher.audited()] == ["query.denied"] * 2


async def test_answer_whose_entries_are_on_their_way_is_waited_for(world: Any, client: Any, bearer: Bearer) -> None:
    world.log.failure = Unavailable("not yet", reason_code="EVIDENCE_INCOMPLETE")
    response = await client.get(f"/v1/evidence/{NEW_ID}", headers=bearer("alice"))
    assert (response.status, response.headers["Retry-After"]) == (409, "2")


@pytest.mark.parametrize(
    "failure",
    [Unavailable("gone", reason_code="AUDIT_UNREACHABLE"), AccessDenied("refused", reason_code="AUDIT_REFUSED")],
)
async def test_without_the_log_there_is_no_evidence(
    world: Any, client: Any, bearer: Bearer, failure: Exception
) -> None:
    world.log.failure = failure
    assert (await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer("alice"))).status in {403, 503}


async def test_without_the_audit_log_nothing_is_told(world: Any, client: Any, bearer: Bearer) -> None:
    put(world, OLD_ID)
    world.publisher.failures["audit.events.v1"] = Unavailable("no broker")
    assert (await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer("alice"))).status == 503


@pytest.mark.parametrize("answer_id", ["x", OLD_ID.upper(), OLD_ID.replace("-", ""), "%2e%2e", f"{{{OLD_ID}}}"])
async def test_what_is_no_answer_id_is_absent_and_not_asked_for(
    world: Any, client: Any, bearer: Bearer, answer_id: str
) -> None:
    response = await client.get(f"/v1/evidence/{answer_id}", headers=bearer("alice"))
    assert (response.status, world.log.asked) == (404, 0)


async def test_scope_is_needed(world: Any, client: Any, bearer: Bearer) -> None:
    put(world, OLD_ID)
    for name in ("reader", "nobody"):
        assert (await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer(name))).status == 403


async def test_log_that_sends_something_else_is_not_passed_on(world: Any, client: Any, bearer: Bearer) -> None:
    for document in (b"", b"[]", b'{"entries": [], "answer": 1}'):
        world.log.bundles[OLD_ID] = document
        assert (await client.get(f"/v1/evidence/{OLD_ID}", headers=bearer("alice"))).status == 500
