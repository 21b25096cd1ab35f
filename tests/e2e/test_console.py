"""The console in a real browser: sign in, ask, open a source, check the evidence; nothing is loaded from elsewhere."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page
from support import corpus
from support.live import LiveStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ANSWER_MS_MAX = 30_000


@dataclass
class Visit:
    """A page, what it asked for, and what went wrong in it."""

    page: Page
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    # The certificate is of the stack's own authority, which this browser does not know.
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1100, "height": 900})
    visit = Visit(context.new_page())
    visit.page.on("request", lambda request: visit.asked.append(request.url))
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    visit.page.on("console", lambda said: visit.errors.append(said.text) if said.type == "error" else None)
    yield visit
    context.close()


@pytest.fixture(scope="module")
def published(live: LiveStack) -> None:
    live.cli_json("publish", "samples")


def sign_in(visit: Visit, live: LiveStack, *options: str) -> None:
    visit.page.goto(live.cli("console", *options).stdout.strip())


def ask(visit: Visit, question: str) -> None:
    visit.page.get_by_label("Your question").fill(question)
    visit.page.get_by_role("button", name="Ask", exact=True).click()
    visit.page.locator("#verify").wait_for(state="visible", timeout=ANSWER_MS_MAX)


def _keep(page: Page, name: str) -> None:
    """A picture of the page, where STAITHE_TEST_PICTURES names a folder."""
    folder = os.environ.get("STAITHE_TEST_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.usefixtures("published")
def test_question_is_answered_with_sources_that_open_and_evidence_that_verifies(live: LiveStack, visit: Visit) -> None:
    row = corpus.questions()["questions"][0]
    sign_in(visit, live, "--tenant", row["tenant_id"])
    page = visit.page
    assert "token" not in page.url
    assert row["tenant_id"] in page.locator("#who").inner_text()
    ask(visit, row["question"])
    assert row["answer_contains"] in corpus.collapsed(page.locator("#sentences").inner_text())
    quote = page.locator("#sources blockquote").first.inner_text()
    page.get_by_role("button", name="Open the source 1").click()
    assert corpus.collapsed(page.locator("#source-text mark").inner_text()) == corpus.collapsed(quote)
    _keep(page, "console-source")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Verify the evidence").click()
    page.locator(".journey").first.wait_for(timeout=ANSWER_MS_MAX)
    checks = page.locator(".checks li")
    assert {line.get_attribute("class") for line in checks.all()} == {"good"}
    assert checks.count() >= 5
    assert [step.inner_text() for step in page.locator(".journey").first.locator("b").all()] == [
        "Ingested", "Sanitized", "Embedded", "Indexed",
    ]  # fmt: skip
    _keep(page, "console")
    assert visit.errors == []
    origin = live.local().url("query")
    assert [url for url in visit.asked if not url.startswith(origin)] == []


@pytest.mark.usefixtures("published")
def test_changed_answer_and_wrong_key_are_found_out(live: LiveStack, visit: Visit) -> None:
    row = corpus.questions()["questions"][0]
    sign_in(visit, live, "--tenant", row["tenant_id"])
    ask(visit, row["question"])
    outcomes = visit.page.evaluate(
        """async () => {
          const api = await import("/console/api.js");
          const { verify } = await import("/console/evidence.js");
          const bytes = await api.ask(document.getElementById("question").value, () => {});
          const answer = JSON.parse(new TextDecoder().decode(bytes));
          const bundle = await api.evidence(answer.answer_id);
          const outcome = async (given, content, key) => {
            try { await verify(given, content, key, () => {}); return "fine"; } catch (error) { return error.message; }
          };
          const copy = () => JSON.parse(JSON.stringify(bundle));
          const changed = copy(); changed.entries[0].entry = changed.entries[0].entry.replace("SUCCESS", "FAILURE");
          const moved = copy(); moved.entries[0].leaf_index += 1;
          const forged = copy(), lines = forged.checkpoint.split("\\n");
          lines[2] = (lines[2][0] === "A" ? "B" : "A") + lines[2].slice(1);
          forged.checkpoint = lines.join("\\n");
          const cut = copy(); cut.citations.pop();
          const other = new TextEncoder().encode(new TextDecoder().decode(bytes).replace("answered", "Answered"));
          const key = "other.example/log+00000000+AQ==";
          return {
            whole: await outcome(bundle, bytes, ""), entry: await outcome(changed, bytes, ""),
            place: await outcome(moved, bytes, ""), root: await outcome(forged, bytes, ""),
            citation: await outcome(cut, bytes, ""), answer: await outcome(bundle, other, ""),
            key: await outcome(bundle, bytes, key),
          };
        }"""
    )
    assert outcomes.pop("whole") == "fine"
    assert "fine" not in outcomes.values(), outcomes


@pytest.mark.usefixtures("published")
def test_what_a_caller_may_not_see_is_not_told(live: LiveStack, visit: Visit) -> None:
    row = corpus.questions()["forbidden"][0]
    sign_in(visit, live, "--tenant", row["tenant_id"], "--tier", "1")
    ask(visit, row["question"])
    told = visit.page.locator("#sources").inner_text()
    assert [name for name in row["forbidden_documents"] if name in told] == []


def test_wrong_token_is_refused_in_words(live: LiveStack, visit: Visit) -> None:
    page = visit.page
    page.goto(live.local().url("query"))
    page.get_by_label("Access token").fill("a.b.c")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Your question").fill("Anything?")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for(state="visible")
    assert "token" in page.get_by_role("alert").inner_text()
    assert page.locator("#sign-in").is_visible()


def test_text_that_looks_like_markup_stays_text(live: LiveStack, visit: Visit) -> None:
    page = visit.page
    page.goto(live.local().url("query"))
    made = page.evaluate(
        """async () => {
          const { sentence, source } = await import("/console/show.js");
          const hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>";
          const cited = {title: hostile, name: "", document_id: "d", document_version: 1, quote: hostile,
                         span: {start: 0, end: 1}, score: 1};
          const box = document.createElement("div");
          box.append(sentence(hostile, [0]), source(cited, 0, () => {}));
          return box.querySelectorAll("img, script").length;
        }"""
    )
    assert made == 0
    set_markup = """() => {
      try { document.body.innerHTML = "<b>x</b>"; return "set"; } catch { return "blocked"; }
    }"""
    assert page.evaluate(set_markup) == "blocked"
