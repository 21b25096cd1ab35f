"""The console with sign-in at a real Keycloak, in a real browser, over real documents."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from support import corpus
from support.identity import PASSWORD, Keycloak, one_time_code
from support.live import LiveStack
from support.replica import QueryReplica

from staithe.cli.local import Who
from staithe.kernel.tls import client_context

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
ANSWER_MS_MAX = 30_000


@pytest.fixture(scope="module")
def replica(live: LiveStack, keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryReplica]:
    live.cli_json("publish", "samples")
    keycloak.add_user("alice", tenant="harbour", tier=1)
    keycloak.add_user("stranger", tenant="", tier=1)  # an empty attribute is none
    keycloak.add_user("engineer", tenant="harbour", tier=3, otp=True)
    folder = tmp_path_factory.mktemp("replica")
    policy = folder / "authentication.yaml"
    policy.write_text("rules: [{id: second-factor, tiers: [3], any_of: [{acr: [aal2], amr: [otp]}]}]\n")
    access = folder / "access.yaml"
    access.write_text("rules: [{id: hr, documents: {classifications: [CONFIDENTIAL]}, callers: {groups: [hr]}}]\n")
    settings = {"AUTHENTICATION_FILE": str(policy), "ACCESS_FILE": str(access)}
    made = QueryReplica(live, keycloak, folder / "query", settings)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(ignore_https_errors=True, viewport={"width": 1100, "height": 900})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, replica: QueryReplica, name: str = "alice") -> None:
    page.goto(replica.url)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign In").click()
    page.wait_for_url(f"{replica.url}/")


def _keep(page: Page, name: str) -> None:
    folder = os.environ.get("STAITHE_TEST_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_person_signs_in_at_keycloak_asks_and_signs_out(
    replica: QueryReplica, keycloak: Keycloak, page: Page, context: BrowserContext
) -> None:
    row = next(each for each in corpus.questions()["questions"] if each["tenant_id"] == "harbour")
    page.goto(replica.url)
    page.get_by_role("link", name="Sign in").wait_for()
    assert page.get_by_label("Access token").is_hidden()
    _keep(page, "console-provider")
    sign_in(page, replica)
    page.locator("#desk").wait_for(state="visible")
    assert page.locator("#who").inner_text() == "alice at harbour, office"
    page.get_by_label("Your question").fill(row["question"])
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("#verify").wait_for(state="visible", timeout=ANSWER_MS_MAX)
    assert row["answer_contains"] in corpus.collapsed(page.locator("#sentences").inner_text())
    assert page.locator("#sources blockquote").count() > 0
    page.get_by_role("button", name="Verify the evidence").click()
    page.locator(".journey").first.wait_for(timeout=ANSWER_MS_MAX)
    _keep(page, "console-signed-in")
    assert page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
    ours = [each for each in context.cookies(replica.url) if "staithe" in each["name"]]
    assert {(each["name"], each["httpOnly"], each["secure"], each["sameSite"]) for each in ours} == {
        ("__Host-staithe-session", True, True, "Strict")
    }
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{keycloak.site.url}/**")
    page.get_by_role("button", name="Logout").click()
    page.wait_for_url(f"{replica.url}/")
    page.get_by_role("link", name="Sign in").wait_for()
    assert page.locator("#sentences").inner_text() == ""


def test_reloading_keeps_the_session_and_another_browser_has_none(
    replica: QueryReplica,
    browser: Browser,
    page: Page,
) -> None:
    sign_in(page, replica)
    page.locator("#desk").wait_for(state="visible")
    page.reload()
    page.locator("#desk").wait_for(state="visible")
    other = browser.new_context(ignore_https_errors=True)
    elsewhere = other.new_page()
    elsewhere.goto(replica.url)
    elsewhere.get_by_role("link", name="Sign in").wait_for()
    assert elsewhere.locator("#desk").is_hidden()
    other.close()


def test_response_used_again_is_refused_in_words(replica: QueryReplica, page: Page) -> None:
    answers: list[str] = []
    page.on("request", lambda each: answers.append(each.url) if "/console/callback" in each.url else None)
    sign_in(page, replica)
    page.locator("#desk").wait_for(state="visible")
    page.context.clear_cookies()
    page.goto(answers[0])
    page.locator("#refused").wait_for(state="visible")
    assert "begun elsewhere" in page.locator("#refused").inner_text()
    assert page.url == f"{replica.url}/"
    _keep(page, "console-refused")


def test_person_without_a_tenant_is_told_so(replica: QueryReplica, page: Page) -> None:
    sign_in(page, replica, "stranger")
    page.locator("#refused").wait_for(state="visible")
    assert "no tenant or tier" in page.locator("#refused").inner_text()


def test_engineer_is_asked_for_a_second_factor(replica: QueryReplica, page: Page) -> None:
    page.goto(replica.url)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("engineer")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign In").click()
    page.locator("input[name=otp]").wait_for()
    _keep(page, "console-second-factor")
    page.locator("input[name=otp]").fill("000000")
    page.get_by_role("button", name="Sign In").click()
    page.locator("input[name=otp]").wait_for()
    assert not page.url.startswith(replica.url)
    page.locator("input[name=otp]").fill(one_time_code(time.time()))
    page.get_by_role("button", name="Sign In").click()
    page.wait_for_url(f"{replica.url}/")
    page.locator("#desk").wait_for(state="visible")
    assert page.locator("#who").inner_text() == "engineer at harbour, engineering"


def test_token_behind_the_hash_signs_nobody_in_where_there_is_a_provider(
    replica: QueryReplica, live: LiveStack, page: Page
) -> None:
    page.goto(f"{replica.url}/#{live.cli('console').stdout.strip().partition('#')[2]}")
    page.get_by_role("link", name="Sign in").wait_for()
    assert page.locator("#desk").is_hidden()


def test_application_searches_with_its_own_credentials(
    replica: QueryReplica, keycloak: Keycloak, live: LiveStack, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(live.paths.services_authority.read_bytes())
    question = {"question": "How many days of annual leave do we have?"}
    with httpx.Client(base_url=replica.url, verify=client_context(trusted), trust_env=False, timeout=30) as client:
        assert client.post("/v1/search", json=question).status_code == 401
        headers = {"Authorization": f"Bearer {keycloak.token()}"}
        found = client.post("/v1/search", json=question, headers=headers)
        assert found.status_code == 200, replica.log()
        assert found.json()["results"]
        assert client.delete("/v1/documents/any", headers=headers).status_code == 403
        source = {"Authorization": f"Bearer {keycloak.token('staithe-source')}"}
        assert client.post("/v1/search", json=question, headers=source).status_code == 401


def test_document_that_a_rule_hides_is_found_without_the_rule_only(
    replica: QueryReplica, keycloak: Keycloak, live: LiveStack
) -> None:
    question = {"question": "What is the fit-out contract with the Seagrange Hotel worth?"}
    hidden = "harbour-seagrange-hotel-fitout"
    with live.client("query", Who("harbour", 1)) as client:
        found = {each["document_id"] for each in client.post("/v1/search", json=question).json()["results"]}
    assert hidden in found
    context = client_context(live.paths.services_authority)
    headers = {"Authorization": f"Bearer {keycloak.token()}"}
    with httpx.Client(base_url=replica.url, verify=context, trust_env=False, timeout=30, headers=headers) as client:
        left = {each["document_id"] for each in client.post("/v1/search", json=question).json()["results"]}
        assert client.get(f"/v1/documents/{hidden}").status_code == 404
    assert left
    assert hidden not in left
