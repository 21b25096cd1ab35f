"""The HTTPS interface: what is refused, how, and that nothing is told before it is recorded."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from staithe.kernel.content import chunk_digest
from staithe.kernel.errors import AccessDenied, Unavailable
from staithe.kernel.events import Erasure, Outcome, document_subject
from staithe.kernel.provenance import BY_TIER, CitedPassage, quote_digest, spell_chunks, spell_citations
from staithe.kernel.vocabulary import DocumentId, Operation, TenantId

TEXT = "Everyone has 27 days of paid leave a year."
SEARCH, ANSWERS, LEAVE = "/v1/search", "/v1/answers", "/v1/documents/leave"
Bearer = Callable[[str], dict[str, str]]
NOW_MS = 1_790_000_000_000
SUBJECT = document_subject(TenantId("harbour"), DocumentId("leave"))


async def ask(client: Any, path: str, headers: dict[str, str], **body: Any) -> Any:
    return await client.post(path, json={"question": "how many days of paid leave", **body}, headers=headers)


async def test_search_returns_text_with_its_span_and_digest(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    response = await ask(client, SEARCH, bearer("alice"))
    [result] = (await response.json())["results"]
    assert response.status == 200
    assert result["text"] == TEXT
    assert result["span"] == {"start": 0, "end": len(TEXT)}
    assert result["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (result["document_id"], result["document_version"]) == ("leave", 5)


async def test_log_says_which_versions_a_search_showed(world: Any, client: Any, bearer: Bearer) -> None:
    await ask(client, SEARCH, bearer("alice"))
    world.add(TEXT)
    await ask(client, SEARCH, bearer("alice"))
    nothing, one = world.publisher.audited()
    assert "shown" not in nothing.attributes
    assert one.attributes["shown"] == f"{SUBJECT.hex()}:5"


async def test_answer_quotes_verbatim(world: Any, client: Any, bearer: Bearer) -> None:
    world.add("Nothing about that here. " + TEXT)
    answer = await (await ask(client, ANSWERS, bearer("alice"))).json()
    assert answer["answered"] is True
    quote = answer["citations"][0]
    assert quote["quote"] == TEXT
    assert quote["span"] == {"start": 25, "end": 25 + len(TEXT)}
    assert quote["quote_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


async def test_unsupported_question_gets_no_citations(world: Any, client: Any, bearer: Bearer) -> None:
    world.add("Completely different matters are written here.")
    response = await client.post(ANSWERS, json={"question": "zebra crossing colour"}, headers=bearer("alice"))
    answer = await response.json()
    assert answer["answered"] is False
    assert answer["citations"] == []
    assert answer["text"].startswith("I do not know")


@pytest.mark.parametrize("path", [SEARCH, ANSWERS])
async def test_audit_event_is_durable_before_the_answer_is_sent(
    world: Any, client: Any, bearer: Bearer, path: str
) -> None:
    world.add(TEXT)
    body = await (await ask(client, path, bearer("alice"))).read()
    [event] = world.publisher.audited()
    assert event.output_sha256 == hashlib.sha256(body).digest()
    assert event.event_id in body.decode()
    assert event.tenant_id == "harbour"


async def test_audit_event_names_what_was_cited_and_not_a_word_of_it(world: Any, client: Any, bearer: Bearer) -> None:
    current = world.add("Nothing about that here. " + TEXT)
    answer = await (await ask(client, ANSWERS, bearer("alice"))).json()
    [event] = world.publisher.audited()
    cited = CitedPassage(
        subject_sha256=SUBJECT, document_version=current.document_version, tier=1, basis=BY_TIER, span_start=25,
        span_end=25 + len(TEXT), quote_sha256=quote_digest(bytes.fromhex(answer["salt"]), TEXT),
        chunk_sha256s=(chunk_digest(world.index.rows[0][0]),),
    )  # fmt: skip
    assert event.attributes["cited"] == spell_citations([cited])
    assert "leave" not in repr(event)
    assert answer["salt"] not in repr(event)


async def test_quotation_over_two_chunks_names_both(world: Any, client: Any, bearer: Bearer) -> None:
    current = world.make_current(chunk_count=2)
    world.current.documents[current.tenant_id, current.document_id] = current
    for ordinal, (start, end) in enumerate([(0, 40), (30, len(TEXT))]):
        world.put(world.make_chunk(TEXT[start:end], ordinal=ordinal, start=start, current=current))
    await ask(client, ANSWERS, bearer("alice"))
    both = spell_chunks([chunk_digest(row) for row, _ in world.index.rows])
    assert world.publisher.audited()[0].attributes["cited"].endswith(f":{both}")


@pytest.mark.parametrize("failure", [Unavailable("no broker"), AccessDenied("no right")])
@pytest.mark.parametrize(
    "call", [("POST", SEARCH), ("POST", ANSWERS), ("GET", LEAVE), ("GET", LEAVE + "/content"), ("DELETE", LEAVE)]
)
async def test_without_the_audit_log_nothing_is_told(
    world: Any, client: Any, bearer: Bearer, failure: Exception, call: tuple[str, str]
) -> None:
    world.add(TEXT)
    method, path = call
    world.publisher.failures["audit.events.v1"] = failure
    body = {"json": {"question": "paid leave"}} if method == "POST" else {}
    response = await client.request(method, path, headers=bearer("alice"), **body)
    assert response.status == (503 if isinstance(failure, Unavailable) else 403)
    text = await response.text()
    assert "27" not in text.replace(json.loads(text)["instance"], "")
    assert "leave" not in text
    assert world.publisher.submitted() == []


async def test_audit_events_hold_no_content(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    await ask(client, ANSWERS, bearer("alice"))
    await client.get(LEAVE, headers=bearer("alice"))
    await client.get(LEAVE, headers=bearer("mallory"))
    recorded = repr(world.publisher.audited())
    for secret in ("27", "paid", "somebody", "leave"):
        assert not re.search(rf"\b{secret}\b", recorded)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_absent_and_forbidden_look_the_same(world: Any, client: Any, bearer: Bearer, method: str) -> None:
    labelled: dict[str, dict[str, Any]] = {
        "tier": {"tier": 3}, "group": {"groups": ["hr"]}, "erased": {"erased": True}, "foreign": {"tenant": "millrace"},
    }  # fmt: skip
    for name, labels in labelled.items():
        world.add("secret", document=name, **labels)
    world.callers["alice"] = replace(world.callers["alice"], groups=frozenset({"sales"}))
    answers = set()
    for document in ("tier", "group", "erased", "foreign", "absent", "%00", "a%2Fb", "x" * 300, "%C3%A9"):
        response = await client.request(method, f"/v1/documents/{document}", headers=bearer("alice"))
        request_id = response.headers["X-Request-Id"]
        body = (await response.text()).replace(request_id, "ID")
        told = {"x-request-id", "date", "ratelimit"}  # of the request, not of the document
        headers = sorted((k, v) for k, v in response.headers.items() if k.lower() not in told)
        answers.add((response.status, body, tuple(headers)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert all(event.outcome is Outcome.REFUSED for event in world.publisher.audited())
    assert len(world.publisher.audited()) == 9


@pytest.mark.parametrize(
    "call",
    [("POST", SEARCH, "reader"), ("POST", ANSWERS, "reader"), ("GET", LEAVE, "nobody"), ("DELETE", LEAVE, "reader")],
)
async def test_missing_scope_is_refused_and_recorded(
    world: Any, client: Any, bearer: Bearer, call: tuple[str, str, str]
) -> None:
    world.add(TEXT)
    method, path, caller = call
    response = await client.request(method, path, headers=bearer(caller), json={"question": "x"})
    assert response.status == 403
    assert [event.action for event in world.publisher.audited()] == ["query.denied"]
    assert world.publisher.submitted() == []


@pytest.mark.parametrize("path", [SEARCH, LEAVE, "/metrics", "/nowhere", "/v1/documents/leave/content"])
async def test_request_without_a_token_is_refused(world: Any, client: Any, path: str) -> None:
    response = await client.get(path)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert [event.action for event in world.publisher.audited()] == ["query.unauthenticated"]


async def test_strangers_cannot_fill_the_audit_log(world: Any, client: Any) -> None:
    for _ in range(70):
        assert (await client.get(LEAVE)).status == 401
    assert len(world.publisher.audited()) == 60
    assert b"staithe_query_unauthenticated_requests_total 70.0" in world.metrics.exposition()


BAD_BODIES = [
    (b"", "application/json", 400), (b"{", "application/json", 400), (b"\xff\xfe", "application/json", 400),
    (b'{"question": "\xff"}', "application/json", 400), (b'{"question": "\\ud800"}', "application/json", 400),
    (b"[" * 5000, "application/json", 400), (b"[]", "application/json", 422), (b"{}", "application/json", 422),
    (b'{"question": 7}', "application/json", 422), (b'{"question": ""}', "application/json", 422),
    (b'{"question": "   "}', "application/json", 422), (b'{"question": "a\\u0000b"}', "application/json", 422),
    (b'{"question": "a\\u202eb"}', "application/json", 422),
    (json.dumps({"question": "x" * 2001}).encode(), "application/json", 422),
    (b'{"question": "secret-word", "tenant_id": "millrace"}', "application/json", 422),
    (b'{"question": "x", "limit": 0}', "application/json", 422),
    (b'{"question": "x", "limit": 51}', "application/json", 422),
    (b'{"question": "x", "limit": "5"}', "application/json", 422),
    (b'{"question": "x", "limit": true}', "application/json", 422),
    (b'{"question": "x", "limit": 1e400}', "application/json", 422),
    (b'{"question": "x"}', "text/plain", 415), (b'{"question": "x"}', "application/json; charset=latin-1", 415),
    (b'{"question": "x"}', "", 415), (b'{"question": "' + b"x" * 20000 + b'"}', "application/json", 413),
    (bytes(range(256)) * 100, "application/octet-stream", 415),
]  # fmt: skip


@pytest.mark.parametrize("sent", BAD_BODIES)
async def test_bad_body_is_refused_without_quoting_it(
    world: Any, client: Any, bearer: Bearer, sent: tuple[bytes, str, int]
) -> None:
    body, content_type, status = sent
    headers = bearer("alice") | {"Content-Type": content_type}
    response = await client.post(SEARCH, data=body, headers=headers)
    problem = await response.json(content_type="application/problem+json")
    assert response.status == problem["status"] == status
    assert "secret-word" not in json.dumps(problem)
    assert world.index.limits == []
    if status == 422:
        assert all(fault["pointer"].startswith("#") for fault in problem["errors"])


async def test_fault_names_the_field(client: Any, bearer: Bearer) -> None:
    problem = await (await ask(client, SEARCH, bearer("alice"), limit=99)).json()
    assert problem["errors"][0]["pointer"] == "#/limit"
    problem = await (await ask(client, SEARCH, bearer("alice"), **{"a/b~": 1})).json()
    assert problem["errors"][0]["pointer"] == "#/a~1b~0"


@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "text/html, */*;q=0.0"])
async def test_other_media_types_are_not_acceptable(client: Any, bearer: Bearer, accept: str) -> None:
    assert (await ask(client, ANSWERS, bearer("alice") | {"Accept": accept})).status == 406


async def test_service_that_has_not_caught_up_serves_nothing(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    world.current.ready = False
    assert (await client.get("/readyz")).status == 503
    assert (await client.get("/livez")).status == 200
    for response in (await ask(client, SEARCH, bearer("alice")), await client.get(LEAVE, headers=bearer("alice"))):
        assert response.status == 503
        assert "Retry-After" in response.headers


@pytest.mark.parametrize("part", ["encoder", "index"])
async def test_dependency_down_is_503(world: Any, client: Any, bearer: Bearer, part: str) -> None:
    world.add(TEXT)
    getattr(world, part).failure = Unavailable("down")
    response = await ask(client, SEARCH, bearer("alice"))
    assert response.status == 503
    assert "Retry-After" in response.headers


async def test_tampered_chunk_is_dropped_counted_and_recorded(world: Any, client: Any, bearer: Bearer) -> None:
    current = world.add(TEXT)
    whole = world.index.rows[0][0]
    world.index.rows.clear()
    changes: list[dict[str, Any]] = [
        {"sealed_text": whole.sealed_text[:-1] + b"!"}, {"text_sha256": b"0" * 32}, {"span_end": 3}, {"ordinal": 1},
    ]  # fmt: skip
    for number, change in enumerate(changes):
        world.put(replace(whole, chunk_id=f"c{number}", **change))
    result = await (await ask(client, SEARCH, bearer("alice"))).json()
    assert result["results"] == []
    broken = [event for event in world.publisher.audited() if event.action == "chunk.refused"]
    codes = {event.reason_code for event in broken}
    assert codes == {"SEAL_BROKEN", "CHUNK_DIGEST_MISMATCH", "CHUNK_SPAN_MISMATCH"}
    assert b'staithe_query_dropped_hits_total{reason="BROKEN"} 4.0' in world.metrics.exposition()
    assert current.chunk_count == 1


async def test_content_is_put_together_from_overlapping_chunks(world: Any, client: Any, bearer: Bearer) -> None:
    text = "First sentence here. Second one follows.\n\nThird after a gap."
    current = world.make_current(chunk_count=3)
    world.current.documents[current.tenant_id, current.document_id] = current
    for ordinal, (start, end) in enumerate([(0, 28), (21, 40), (42, 60)]):
        world.put(world.make_chunk(text[start:end], ordinal=ordinal, start=start, current=current))
    response = await client.get(LEAVE + "/content", headers=bearer("alice"))
    assert await response.text() == text
    assert response.headers["Document-Version"] == "5"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    world.index.rows.pop()
    assert (await client.get(LEAVE + "/content", headers=bearer("alice"))).status == 503


async def test_erasure_is_published_above_the_current_version(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    response = await client.delete(LEAVE, headers=bearer("alice"))
    [event] = world.publisher.submitted()
    assert response.status == 202
    assert response.headers["Location"] == LEAVE + "/erasure"
    assert (await response.json())["document_version"] == event.document_version == NOW_MS
    assert event.operation is Operation.ERASE
    assert [topic for topic, _ in world.publisher.accepted] == ["audit.events.v1", "documents.submitted.v1"]


async def test_erasure_that_the_broker_did_not_take_is_not_confirmed(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    world.publisher.failures["documents.submitted.v1"] = Unavailable("no broker")
    assert (await client.delete(LEAVE, headers=bearer("alice"))).status == 503


async def test_search_widens_when_too_many_hits_were_dropped(world: Any, client: Any, bearer: Bearer) -> None:
    for number in range(60):
        old = world.make_current(f"d{number}", version=1)
        world.put(world.make_chunk("paid leave days", current=old))
        world.current.documents[old.tenant_id, old.document_id] = replace(old, document_version=2)
    world.add("paid leave and much more that is less near", document="good")
    result = await (await ask(client, SEARCH, bearer("alice"), limit=5)).json()
    assert [each["document_id"] for each in result["results"]] == ["good"]
    assert world.index.limits == [32, 96]
    assert b'reason="SUPERSEDED"} 60.0' in world.metrics.exposition()


async def test_description_matches_the_routes(world: Any, client: Any) -> None:
    described = await (await client.get("/openapi.json")).json()
    documented = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    served = {
        (route.method, route.resource.canonical)
        for route in world.application.router.routes()
        if route.resource.canonical.startswith(("/v1/", "/mcp")) and route.method != "HEAD"
    }
    assert documented == served
    assert described["openapi"].startswith("3.1")


async def test_unknown_method_is_refused(client: Any, bearer: Bearer) -> None:
    response = await client.put(LEAVE, headers=bearer("alice"))
    assert response.status == 405
    assert "GET" in response.headers["Allow"]


async def test_stranger_is_refused_even_when_the_log_fails_in_an_unknown_way(world: Any, client: Any) -> None:
    world.publisher.failures["audit.events.v1"] = OSError("not one of ours")
    assert (await client.get(LEAVE)).status == 401


async def test_receipt_says_what_went_and_what_it_does_not_cover(world: Any, client: Any, bearer: Bearer) -> None:
    current = world.add(TEXT)
    response = await client.get(LEAVE + "/erasure", headers=bearer("alice"))
    assert (await response.json())["status"] == "not_erased"
    done = Erasure(event_id="a", keys_event_id="k", completed_at=7, rows_removed=3, secrets_destroyed=2)
    world.current.documents["harbour", "leave"] = replace(current, erased=True, document_version=9, erasure=done)
    receipt = await (await client.get(LEAVE + "/erasure", headers=bearer("alice"))).json()
    assert receipt.pop("not_covered")
    assert receipt == {
        "document_id": "leave", "document_version": 9, "status": "erased", "completed_at": 7, "rows_removed": 3,
        "secrets_destroyed": 2, "audit_event_id": "a", "keys_audit_event_id": "k",
    }  # fmt: skip


@pytest.mark.parametrize("labels", [{"tier": 3}, {"groups": ["hr"]}, {"tenant": "millrace"}])
async def test_receipt_of_a_document_that_was_hidden_stays_hidden(
    world: Any, client: Any, bearer: Bearer, labels: dict[str, Any]
) -> None:
    world.add(TEXT, erased=True, **labels)
    response = await client.get(LEAVE + "/erasure", headers=bearer("alice"))
    assert response.status == 404
    assert (await client.get(LEAVE + "/erasure", headers=bearer("reader"))).status == 403


async def test_key_service_that_is_down_is_503_and_tells_nothing(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    world.opener.failure = Unavailable("the key service does not answer", reason_code="KEYS_UNAVAILABLE")
    for path, body in ((SEARCH, {"question": "leave"}), (ANSWERS, {"question": "leave"})):
        response = await client.post(path, json=body, headers=bearer("alice"))
        assert response.status == 503
        assert "leave" not in await response.text()


async def test_search_asks_for_all_keys_at_once(world: Any, client: Any, bearer: Bearer) -> None:
    for number in range(5):
        world.add(f"{TEXT} {number}", document=f"d{number}")
    response = await client.post(SEARCH, json={"question": "leave", "limit": 5}, headers=bearer("alice"))
    assert len((await response.json())["results"]) == 5
    assert world.opener.prepared == [5]
