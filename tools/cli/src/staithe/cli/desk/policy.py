"""Policy try-out: what this checkout's sanitization policy would find in a text and do about it. Nothing is sent."""

from functools import cache
from typing import Final

from staithe.cli.desk.frame import page
from staithe.cli.desk.guard import Session
from staithe.cli.desk.markup import NOTHING, Html, choice, element, facts, field, joined, table
from staithe.cli.scan_show import explained, printable
from staithe.cli.scanning import PLAIN, STANDARD_POLICY, engine_under, labels_of
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Classification, Tier
from staithe.sanitization.document import SafeDocument, sanitize_document
from staithe.sanitization.engine import Engine

PATH: Final = "/policy"
TEXT_CHARACTERS_MAX: Final = 20_000
"""Ten pages: what people paste to see what becomes of it; `staithe scan` takes whole files."""
EXAMPLE: Final = (
    "Dear Anna Whitlock,\nplease transfer it to GB82 WEST 1234 5698 7654 32 and write to anna@example.com.\n"
)


def show(session: Session, form: dict[str, str]) -> str:
    """The form, and what becomes of its text if it has one; raises ConfigurationError for what does not fit."""
    tried = _tried(form) if form.get("text") else []
    return page(
        "Policy", PATH,
        element("p", f"Judged by {STANDARD_POLICY} of this checkout. The text stays in this process.", class_="soft"),
        _form(session, form), *tried,
    )  # fmt: skip


def _form(session: Session, form: dict[str, str]) -> Html:
    tiers = ((str(int(each)), f"{int(each)} {each.name.lower()}") for each in Tier)
    classes = ((each.value, each.value.lower()) for each in Classification)
    return element(
        "form", session.hidden_token(),
        element(
            "p", element("label", "Text", for_="field-text"),
            element(
                "textarea", form.get("text", EXAMPLE), id="field-text", name="text", rows="7", required=True,
                maxlength=str(TEXT_CHARACTERS_MAX), spellcheck="false",
            ),
        ),
        element(
            "div", field("Tenant", "tenant", form.get("tenant", "local"), required=True),
            field("Source", "source", form.get("source", "")),
            choice("Tier", "tier", tiers, form.get("tier", "1")),
            choice("Classification", "classification", classes, form.get("classification", "INTERNAL")),
            class_="labels",
        ),
        element("button", "Try it", type="submit"), method="post", action=PATH,
    )  # fmt: skip


@cache
def _engine() -> Engine:
    return engine_under(None)


def _tried(form: dict[str, str]) -> list[Html]:
    text = form["text"].replace("\r\n", "\n")
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ConfigurationError(f"the text has more than {TEXT_CHARACTERS_MAX:,} characters", reason_code="USAGE")
    try:
        tier, classification = int(form.get("tier", "1")), Classification(form.get("classification", "INTERNAL"))
        labels = labels_of(form.get("tenant", ""), tier, classification, form.get("source", ""))
    except ValueError as error:
        raise ConfigurationError("there is no such tier or classification", reason_code="USAGE") from error
    document = sanitize_document(
        _engine(), labels, document_id="try-out", name="", title="", text=text, signals={}, content_type=PLAIN
    )
    rules = [each.rule for each in document.decisions if each.reason_code]
    signals = ", ".join(f"{name} {value:g}" for name, value in sorted(document.signals.items()) if value)
    held = document.reason_codes
    shown = facts(
        [
            ("verdict", element("strong", document.verdict.value, class_="bad" if held else "good")),
            ("reasons", ", ".join(held) or NOTHING), ("by the rules", ", ".join(rules) or NOTHING),
            ("signals", signals or NOTHING),
        ]
    )  # fmt: skip
    headings = ("where", "kind", "score", "detector", "rule", "action", "value", "becomes")
    return [
        element("h2", "What becomes of it"), shown, element("h2", "The text, each finding in the colour of its action"),
        element("pre", *_coloured(text, document), tabindex="0", aria_label="text with findings"),
        element("h2", "As it would be indexed"),
        element("pre", printable(document.text), tabindex="0", aria_label="sanitized text"),
        table("Findings in order", headings, _findings(document), empty="Nothing was found."),
    ]  # fmt: skip


def _coloured(text: str, document: SafeDocument) -> list[Html]:
    shown, done = [], 0
    for each in sorted(document.parts["text"].findings, key=lambda one: one.start):
        if each.start < done:
            continue  # inside one that is shown already
        action = each.decision.action.value
        shown.append(joined(printable(text[done : each.start])))
        shown.append(
            element("mark", printable(text[each.start : each.end]), class_=action, title=f"{each.entity}: {action}")
        )
        done = each.end
    return [*shown, joined(printable(text[done:]))]


def _findings(document: SafeDocument) -> list[list[str]]:
    return [
        [
            f"{row['start']} to {row['end']}", row["entity"], f"{row['score']:.2f}", row["detector"], row["rule"],
            element("mark", row["action"], class_=row["action"]), printable(row["value"]), printable(row["becomes"]),
        ]
        for row in explained(document)
    ]  # fmt: skip
