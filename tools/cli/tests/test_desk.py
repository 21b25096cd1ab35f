"""The operator's desk without a stack: who gets in, what is escaped, and what the policy page shows."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from staithe.cli.desk import documents
from staithe.cli.desk.app import Desk
from staithe.cli.desk.guard import BODY_BYTES_MAX
from staithe.cli.desk.log import Entry, Search
from staithe.cli.desk.markup import Html, element, joined
from staithe.cli.desk.pipeline import figures
from staithe.kernel.events import AuditEvent, Outcome

HOSTILE = "<script>alert(1)</script>\"'&"


class Bench:
    """The desk over a folder without a stack, and a browser."""

    def __init__(self, desk: Desk, client: TestClient[Any, Any]) -> None:
        self.desk, self.client = desk, client

    async def enter(self) -> None:
        response = await self.client.get("/enter", params={"key": self.desk.session.key}, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, "/")

    async def form_token(self) -> str:
        page = await (await self.client.get("/policy")).text()
        found = re.search(r'name="sent_by" value="([^"]+)"', page)
        assert found is not None
        return found[1]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    nowhere: Any = SimpleNamespace(paths=SimpleNamespace(state=tmp_path / "state.json"))
    desk, hosts = Desk(nowhere, "ada"), set[str]()
    async with TestClient(TestServer(desk.application(hosts)), cookie_jar=CookieJar(unsafe=True)) as client:
        hosts.add(f"{client.host}:{client.port}")
        yield Bench(desk, client)


PATHS = ("/", "/pipeline.json", "/documents", "/quarantine", "/letters", "/audit", "/policy", "/documents/a/b", "/x")


@pytest.mark.parametrize("path", PATHS)
async def test_browser_without_the_key_sees_nothing(bench: Bench, path: str) -> None:
    response = await bench.client.get(path)
    assert response.status == 403
    assert "Pipeline" in await response.text()  # the frame alone


@pytest.mark.parametrize("key", ["", "wrong", "x" * 43])
async def test_wrong_key_gets_no_cookie(bench: Bench, key: str) -> None:
    response = await bench.client.get("/enter", params={"key": key}, allow_redirects=False)
    assert response.status == 403
    assert "Set-Cookie" not in response.headers


async def test_right_key_gets_a_cookie_that_scripts_and_other_sites_never_see(bench: Bench) -> None:
    response = await bench.client.get("/enter", params={"key": bench.desk.session.key}, allow_redirects=False)
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert bench.desk.session.key not in cookie


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1", "localhost:1", ""])
async def test_another_name_for_this_machine_is_refused(bench: Bench, host: str) -> None:
    await bench.enter()
    assert (await bench.client.get("/policy", headers={"Host": host})).status in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
async def test_form_from_another_site_is_refused_even_with_everything_else_right(
    bench: Bench, headers: dict[str, str]
) -> None:
    await bench.enter()
    form = {"sent_by": await bench.form_token(), "text": "x"}
    assert (await bench.client.post("/policy", data=form)).status == 200
    assert (await bench.client.post("/policy", data=form, headers=headers)).status == 403


@pytest.mark.parametrize("token", ["", "wrong", None])
@pytest.mark.parametrize("path", ["/policy", "/letters/x", "/quarantine/a/b"])
async def test_form_without_its_token_is_refused(bench: Bench, path: str, token: str | None) -> None:
    await bench.enter()
    form = {"text": "x", "act": "replay"} | ({} if token is None else {"sent_by": token})
    assert (await bench.client.post(path, data=form)).status == 403


@pytest.mark.parametrize("path", [*PATHS, "/desk.css", "/live.js", "/icon.svg"])
async def test_every_response_lets_nothing_else_in(bench: Bench, path: str) -> None:
    await bench.enter()
    response = await bench.client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if response.content_type == "text/html":
        text = await response.text()
        assert not re.search(r"<style|\son\w+=|style=|<script(?! src=\"/)", text)


async def test_body_has_a_limit(bench: Bench) -> None:
    await bench.enter()
    form = {"sent_by": await bench.form_token(), "text": "x" * (BODY_BYTES_MAX + 1)}
    assert (await bench.client.post("/policy", data=form)).status == 413


async def test_desk_without_a_stack_says_how_to_start_one(bench: Bench) -> None:
    await bench.enter()
    assert "staithe up" in await (await bench.client.get("/")).text()
    assert (await bench.client.get("/pipeline.json")).status == 503


async def test_policy_page_shows_what_becomes_of_a_text(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    await bench.enter()
    form = {"sent_by": await bench.form_token(), "text": f"mail jane.doe@example.com {HOSTILE}", "tenant": "local"}
    page = await (await bench.client.post("/policy", data=form)).text()
    assert re.search(r'<mark class="mask" title="EMAIL: mask">jane.doe@example.com</mark>', page)
    assert "mail [EMAIL]" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("change", [{"tier": "9"}, {"tier": "x"}, {"classification": "SECRET"}, {"text": "x" * 20_001}])
async def test_policy_page_refuses_what_does_not_fit_in_words(bench: Bench, change: dict[str, str]) -> None:
    await bench.enter()
    form = {"sent_by": await bench.form_token(), "text": "x", "tenant": "local"} | change
    response = await bench.client.post("/policy", data=form)
    assert response.status == 409
    assert 'role="alert"' in await response.text()


def test_texts_and_attributes_are_escaped_and_markup_is_not() -> None:
    made = element("p", HOSTILE, element("b", "bold"), title=HOSTILE, hidden=True, class_=None)
    assert "<script>" not in made
    assert made.count("<b>bold</b>") == 1
    assert made.startswith('<p title="&lt;script&gt;')
    assert " hidden>" in made
    assert isinstance(joined("a", made), Html)


def event(action: str, at: int, before: bytes, after: bytes) -> AuditEvent:
    return AuditEvent(
        event_id="e", occurred_at=at, service=action.partition(".")[0], action=action, outcome=Outcome.SUCCESS,
        tenant_id="harbour", document_version=5, input_sha256=before * 32, output_sha256=after * 32,
    )  # fmt: skip


def test_journey_says_where_the_hashes_do_not_go_on() -> None:
    whole = [Entry(1, event("document.ingested", 0, b"a", b"b")), Entry(2, event("document.sanitized", 40, b"b", b"c"))]
    told = joined(*documents.version_parts(5, whole))
    assert "goes on from the step before" in told
    assert "0.040 s after" in told
    broken = [whole[0], Entry(2, event("document.sanitized", 40, b"x", b"c"))]
    assert "does not go on from the step before" in joined(*documents.version_parts(5, broken))


def test_search_of_the_log_takes_what_fits_and_nothing_else() -> None:
    one = event("document.ingested", 10, b"a", b"b")
    assert Search(tenant="harbour", action="ingest", since_ms=10).takes(one)
    for other in (
        Search(tenant="millrace"), Search(service="query"), Search(action="erase"), Search(outcome="REFUSED"),
        Search(since_ms=11), Search(subject_sha256=b"s" * 32),
    ):  # fmt: skip
        assert not other.takes(one)


def test_figures_of_what_cannot_be_measured_are_dashes() -> None:
    told = dict(figures([{"process": "milvus", "state": "ready", "memory_mib": 400, "restarts": 0, "rate": None}]))
    assert (told["lag-milvus"], told["rate-milvus"], told["memory-milvus"]) == ("\u2013", "\u2013", "400 MiB")
    told = dict(figures([{"process": "embedding", "state": "ready", "lag": 1200, "rate": 61.25, "processed": 5}]))
    assert (told["lag-embedding"], told["rate-embedding"]) == ("1,200", "61.2")
