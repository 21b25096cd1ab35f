"""What every page has around it: head, navigation, and the words for what went wrong."""

from typing import Final

from staithe.cli.desk.markup import Html, element, joined

PAGES: Final = (
    ("/", "Pipeline"), ("/documents", "Documents"), ("/quarantine", "Quarantine"), ("/letters", "Dead letters"),
    ("/audit", "Audit log"), ("/policy", "Policy"),
)  # fmt: skip


def page(title: str, path: str, *content: str, script: str | None = None) -> str:
    """A whole page; `path` says which part of the desk it belongs to."""
    links = (
        element("a", words, href=target, aria_current="page" if target == path else None) for target, words in PAGES
    )
    head = element(
        "head", element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} · Staithe desk"), element("link", rel="stylesheet", href="/desk.css"),
        element("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        element("script", src=script, type="module") if script else "",
    )  # fmt: skip
    body = element(
        "body", element("a", "Skip to the page", href="#page", class_="skip"),
        element("header", element("p", "Staithe desk", class_="name"), element("nav", *links, aria_label="Pages")),
        element("main", element("h1", title), *content, id="page", tabindex="-1"),
    )  # fmt: skip
    return "<!doctype html>" + joined(element("html", head, body, lang="en"))


def notice(words: str, *, bad: bool = False) -> Html:
    """One line about what was done, or why it was not."""
    return element("p", words, role="alert" if bad else "status", class_="notice bad" if bad else "notice")


def fault(message: str, reason_code: str, path: str) -> str:
    """The page in place of one that could not be made."""
    return page("Not now", path, notice(f"{message} ({reason_code})", bad=True))
