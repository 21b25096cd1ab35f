"""Hybrid retrieval: both lists count, nothing hidden does, and what is explained tells of nothing hidden."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from staithe.kernel.errors import InvalidEvent, Unavailable
from staithe.query.fusion import Standing, fuse
from staithe.vectors.store.rows import Hit

Bearer = Callable[[str], dict[str, str]]


async def search(client: TestClient[Any, Any], headers: dict[str, str], question: str, **more: Any) -> dict[str, Any]:
    response = await client.post("/v1/search", json={"question": question, **more}, headers=headers)
    assert response.status == 200, await response.text()
    told: dict[str, Any] = await response.json()
    return told


def documents(told: dict[str, Any]) -> list[str]:
    return [each["document_id"] for each in told["results"]]


def hits(world: Any, *texts: str) -> list[Hit]:
    for place, text in enumerate(texts):
        world.add(text, document=f"d{place}")
    return list(world.index.search(world.encoder.encode("pump"), None, 99))


TERMS = {7: 2.0, 9: 3.0}


def test_words_lift_a_chunk_over_a_slightly_nearer_one(world: Any) -> None:
    one, two, three = hits(world, "pump", "pump valve", "crane")
    one, two, three = replace(one, score=0.5), replace(two, score=0.45), replace(three, score=0.2)
    ranked = fuse([one, two], [replace(two, terms_score=11.0), replace(three, terms_score=5.5)], TERMS)
    assert [each.hit.chunk_id for each in ranked] == [two.chunk_id, one.chunk_id, three.chunk_id]
    assert ranked[0].standing == Standing(2, 1, 1.0, pytest.approx(0.75))
    assert ranked[2].standing == Standing(None, 2, 0.5, pytest.approx(0.35))


def test_one_list_alone_keeps_its_order(world: Any) -> None:
    found = hits(world, "pump", "pump valve", "crane")
    assert [each.hit for each in fuse(found, [], TERMS)] == found
    assert [each.hit for each in fuse([], found, TERMS)] == found
    assert fuse([], [], {}) == ()


async def test_word_that_meaning_misses_is_found(world: Any, client: TestClient[Any, Any], bearer: Bearer) -> None:
    for place in range(30):
        world.add(f"what about pumps {place}", document=f"near-{place:02}")
    world.add("a very long text on many other things with the part number xk4711", document="exact")
    question = "what about pumps xk4711"
    assert "exact" not in documents(await search(client, bearer("bob"), question, limit=5))
    world.index.hybrid = True
    assert documents(await search(client, bearer("bob"), question, limit=5))[0] != ""
    assert "exact" in documents(await search(client, bearer("bob"), "xk4711", limit=5))


async def test_explanation_tells_ranks_and_scores(world: Any, client: TestClient[Any, Any], bearer: Bearer) -> None:
    world.index.hybrid = True
    world.add("pump pressure", document="one")
    world.add("crane", document="two")
    told = await search(client, bearer("bob"), "pump pressure", explain=True)
    explained = told["explanation"]
    assert explained["retrieval"] == "hybrid"
    assert [(each["document_id"], each["meaning_rank"], each["words_rank"]) for each in explained["chunks"]] == [
        ("one", 1, 1), ("two", 2, None),
    ]  # fmt: skip
    first = explained["chunks"][0]
    assert 0 < first["words_score"] <= 1
    assert first["fused_score"] == pytest.approx(first["meaning_score"] + 0.3 * first["words_score"], abs=1e-3)
    assert explained["chunks"][1]["words_score"] is None
    assert explained["support_min"] is None


async def test_nothing_is_explained_unasked(world: Any, client: TestClient[Any, Any], bearer: Bearer) -> None:
    world.add("pump pressure")
    assert (await search(client, bearer("bob"), "pump"))["explanation"] is None


async def test_answer_says_what_of_the_considered_it_quotes(
    world: Any, client: TestClient[Any, Any], bearer: Bearer
) -> None:
    world.index.hybrid = True
    world.add("The pump needs four bar.", document="pump")
    world.add("Cranes are yellow.", document="crane")
    asked = {"question": "The pump needs four bar", "explain": True}
    response = await client.post("/v1/answers", json=asked, headers=bearer("bob"))
    told = await response.json()
    assert told["answered"]
    cited = {each["document_id"]: each["cited"] for each in told["explanation"]["chunks"]}
    assert cited["pump"] is True
    assert cited["crane"] is False
    assert 0 < told["explanation"]["support_min"] < 1


@pytest.mark.parametrize("hybrid", [False, True])
async def test_hidden_documents_change_no_byte_of_what_is_told(
    world: Any, client: TestClient[Any, Any], bearer: Bearer, hybrid: bool
) -> None:
    """Absent, forbidden, of another tenant, erased or expired: results, order, scores and explanation are the same."""
    world.index.hybrid = hybrid
    for place in range(12):
        world.add(f"pump pressure {place} and more", document=f"open-{place}")
    before = await search(client, bearer("bob"), "pump pressure", limit=5, explain=True)
    for place in range(40):
        world.add("pump pressure", document=f"board-{place}", groups=["board"])
        world.add("pump pressure", document=f"top-{place}", tier=3)
        world.add("pump pressure", document=f"gone-{place}", erased=True)
        world.add("pump pressure", document=f"old-{place}", retention_until=1)
        world.put(world.make_chunk("pump pressure", current=world.make_current(f"never-{place}")))
    after = await search(client, bearer("bob"), "pump pressure", limit=5, explain=True)
    assert after | {"search_id": ""} == before | {"search_id": ""}


async def test_superseded_and_crowding_chunks_are_counted(
    world: Any, client: TestClient[Any, Any], bearer: Bearer
) -> None:
    current = world.add("pump pressure", document="manual", version=5)
    world.put(world.make_chunk("pump pressure", current=world.make_current("manual", version=4)))
    for ordinal in range(1, 6):
        world.put(world.make_chunk("pump pressure", ordinal=ordinal, start=100 * ordinal, current=current))
    world.add("pump crane", document="other")
    told = await search(client, bearer("bob"), "pump pressure", limit=8, explain=True)
    assert documents(told) == ["manual"] * 3 + ["other"]
    assert (told["explanation"]["superseded"], told["explanation"]["crowded_out"]) == (1, 3)


async def test_without_its_term_key_a_search_is_unavailable_not_poorer(
    world: Any, client: TestClient[Any, Any], bearer: Bearer
) -> None:
    world.index.hybrid = True
    world.add("pump")
    world.terms.failure = Unavailable("the key service does not answer", reason_code="KEYS_UNAVAILABLE")
    response = await client.post("/v1/search", json={"question": "pump"}, headers=bearer("bob"))
    assert response.status == 503


async def test_tenant_that_is_nowhere_finds_nothing_and_hears_nothing(
    world: Any, client: TestClient[Any, Any], bearer: Bearer
) -> None:
    world.index.hybrid = True
    world.terms.failure = InvalidEvent("the tenant has no key", reason_code="TENANT_UNKNOWN")
    assert documents(await search(client, bearer("bob"), "pump")) == []


async def test_one_document_that_fills_the_candidates_does_not_hide_the_next(
    world: Any, client: TestClient[Any, Any], bearer: Bearer
) -> None:
    current = world.add("pump pressure", document="manual")
    for ordinal in range(1, 60):
        world.put(world.make_chunk("pump pressure", ordinal=ordinal, start=100 * ordinal, current=current))
    world.add("pump and something else", document="other")
    assert documents(await search(client, bearer("bob"), "pump pressure", limit=8)) == ["manual"] * 3 + ["other"]
