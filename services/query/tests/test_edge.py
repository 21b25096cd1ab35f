"""The edge: quotas, headers, the page for people, and no answer that the description does not have."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, settings

from staithe.query.http.console import CONSOLE_PATHS
from staithe.query.http.openapi import openapi_document
from staithe.query.http.rates import RateLimiter

TEXT = "Everyone has 27 days of paid leave a year."
MODELS = "/v1/models"
Bearer = Callable[[str], dict[str, str]]
FUZZ_EXAMPLES = int(os.environ.get("STAITHE_FUZZ_EXAMPLES", "25"))
"""For each operation; `make fuzz` asks for many more."""


async def test_quota_is_told_counted_and_refused(new_world: Any, bearer: Bearer) -> None:
    world = new_world(quota=3)
    async with TestClient(TestServer(world.application)) as client:
        for left in (2, 1, 0):
            response = await client.get(MODELS, headers=bearer("alice"))
            assert response.status == 200
            assert response.headers["RateLimit-Policy"] == '"caller";q=3;w=60'
            assert response.headers["RateLimit"] == f'"caller";r={left};t={20 * (3 - left)}'
        refused = await client.get(MODELS, headers=bearer("alice"))
        assert (refused.status, refused.headers["Retry-After"]) == (429, "20")
        assert refused.headers["RateLimit"].startswith('"caller";r=0')
        assert (await refused.json(content_type=None))["error"]["code"] == "rate_limited"
        assert (await client.get(MODELS, headers=bearer("mallory"))).status == 200
        world.clock.now += 20_000
        assert (await client.get(MODELS, headers=bearer("alice"))).status == 200
        assert (await client.get(MODELS, headers=bearer("alice"))).status == 429
    world.close()


async def test_refused_requests_cost_nothing_and_strangers_have_no_quota(new_world: Any) -> None:
    world = new_world(quota=1)
    async with TestClient(TestServer(world.application)) as client:
        response = await client.get(MODELS)
        assert response.status == 401
        assert "RateLimit" not in response.headers
    limiter = RateLimiter(1, world.clock)
    assert limiter.take(("t", "s")).admitted
    for _ in range(50):
        assert not limiter.take(("t", "s")).admitted
    world.clock.now += 60_000
    assert limiter.take(("t", "s")).admitted
    world.close()


async def test_stream_has_the_same_headers(world: Any, client: Any, bearer: Bearer) -> None:
    world.add(TEXT)
    headers = bearer("alice") | {"Accept": "text/event-stream"}
    response = await client.post("/v1/answers", json={"question": "paid leave"}, headers=headers)
    assert response.headers["RateLimit"].startswith('"caller";r=99')
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", [MODELS, "/openapi.json", "/docs", "/nowhere"])
async def test_no_page_of_another_origin_may_read_anything(client: Any, bearer: Bearer, path: str) -> None:
    headers = bearer("alice") | {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        response = await client.request(method, path, headers=headers)
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]


class Links(HTMLParser):
    """Addresses and ids on a page, and what would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if tag == "a" else []
        self.loads += [tag] if tag in {"script", "link", "img", "iframe", "object"} else []


async def test_page_has_every_operation_and_loads_nothing(client: Any) -> None:
    response = await client.get("/docs")
    page = Links()
    page.feed(await response.text())
    assert page.loads == []
    assert {each["operationId"] for path in openapi_document()["paths"].values() for each in path.values()} <= set(
        page.ids
    )
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["/openapi.json"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.fixture(scope="module")
def served(new_world: Any) -> Iterator[str]:
    """The application over fakes, in a thread of its own; the address of it."""
    loop, world = asyncio.new_event_loop(), new_world(quota=1_000_000)
    world.add(TEXT)
    server = TestServer(world.application)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result()
    yield str(server.make_url("/"))
    asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    world.close()


SCHEMA = schemathesis.openapi.from_dict(openapi_document())


@SCHEMA.parametrize()
@settings(max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_in_the_description(case: schemathesis.Case, served: str) -> None:
    response = case.call(base_url=served, headers={"Authorization": "Bearer alice"})
    assert response.status_code < 500, f"{response.status_code} {response.text[:500]}"
    case.validate_response(response, checks=CHECKS)


CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
]


@pytest.mark.parametrize("path", CONSOLE_PATHS)
async def test_console_is_served_to_everybody_under_a_policy_that_lets_nothing_else_in(
    client: TestClient[Any, Any], path: str
) -> None:
    response = await client.get(path)
    assert response.status == 200
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert (await response.text()).strip()


async def test_console_has_no_inline_code_and_names_no_other_host(client: TestClient[Any, Any]) -> None:
    texts = {path: await (await client.get(path)).text() for path in CONSOLE_PATHS}
    assert [path for path, text in texts.items() if "https:" in text or "innerHTML" in text] == []
    page = texts["/"]
    assert "<style" not in page
    assert " style=" not in page
    assert "onclick" not in page


@pytest.mark.parametrize("path", ["/console/", "/console/../app.py", "/console/__init__.py", "/console/index.html"])
async def test_nothing_else_of_the_package_is_served(client: TestClient[Any, Any], path: str) -> None:
    assert (await client.get(path)).status in (401, 404)
