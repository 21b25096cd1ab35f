"""Quarantine review: what is held and why, a masked look at it, and the word of a reviewer. Two people release."""

from typing import Any, Final
from urllib.parse import quote

from staithe.cli.desk.frame import notice, page
from staithe.cli.desk.guard import Session
from staithe.cli.desk.markup import NOTHING, Html, element, facts, table
from staithe.cli.letter_show import age
from staithe.cli.local import LocalStack
from staithe.cli.quarantine_work import holds, open_hold, preview_of, quarantined, review_api
from staithe.kernel.errors import ConfigurationError

PATH: Final = "/quarantine"
OPEN: Final = ("held", "asked")
TOLD: Final = {
    "ASKED": "Asked for. Another person must approve it from a desk of their own.",
    "RELEASED": "Released: it goes on through the pipeline by itself.",
    "REJECTED": "Rejected: it will not pass.",
}


def show_list(stack: LocalStack, told: str) -> str:
    """Every hold, the open ones first."""
    rows = sorted(holds(stack), key=lambda each: (each["state"] not in OPEN, -each["age_seconds"]))
    count = sum(each["state"] in OPEN for each in rows)
    headings = ("document", "version", "reasons", "state", "waiting for")
    return page(
        "Quarantine", PATH, notice(TOLD[told]) if told in TOLD else "",
        table(f"{count} open of {len(rows)}", headings, map(_line, rows), empty="Nothing was ever held."),
    )  # fmt: skip


def _line(row: dict[str, Any]) -> list[str]:
    name = f"{row['tenant_id']}/{row['document_id']}"
    is_open = row["state"] in OPEN
    return [
        element("a", name, href=_path(row)) if is_open else name, str(row["document_version"]),
        ", ".join(row["reason_codes"]), element("span", row["state"], class_="waiting" if is_open else "soft"),
        age(row["age_seconds"]),
    ]  # fmt: skip


def _path(row: dict[str, Any]) -> str:
    return f"{PATH}/{quote(row['tenant_id'], safe='')}/{quote(row['document_id'], safe='')}"


def show_one(stack: LocalStack, session: Session, reviewer: str, tenant: str, document: str) -> str:
    """One hold with its findings by count, its text masked, and what may be decided."""
    hold = open_hold(stack, tenant, document, None)
    event = quarantined(stack, hold["event_id"])
    findings = ", ".join(f"{count} {name}" for name, count in sorted(event.findings.items())) or "none"
    shown = facts(
        [
            ("version", str(hold["document_version"])), ("held because of", ", ".join(hold["reason_codes"])),
            ("state", hold["state"]), ("asked to waive", ", ".join(hold["waive"]) or NOTHING), ("findings", findings),
            ("source", event.source), ("type", event.content_type), ("tier", event.access.tier.name.lower()),
            ("groups", ", ".join(event.access.groups) or "everybody"),
            ("classification", event.access.classification.value.lower()), ("you are", reviewer),
        ]
    )  # fmt: skip
    words = "Approve the release" if hold["state"] == "asked" else "Ask for its release"
    return page(
        f"{tenant}/{document}", PATH, shown,
        _act(session, _path(hold), "release", words, hold["document_version"]),
        _act(session, _path(hold), "reject", "Reject it", hold["document_version"]),
        element("h2", "Beginning of the text, masked by the detectors"),
        element("pre", preview_of(event, stack.operator_opener()), tabindex="0", aria_label="masked text"),
    )  # fmt: skip


def _act(session: Session, path: str, decision: str, words: str, version: int) -> Html:
    return element(
        "form", session.hidden_token(), element("input", type="hidden", name="decision", value=decision),
        element("input", type="hidden", name="version", value=str(version)),
        element("button", words, type="submit", class_=None if decision == "release" else "plain"),
        class_="act", method="post", action=path,
    )  # fmt: skip


def decide(stack: LocalStack, reviewer: str, tenant: str, document: str, form: dict[str, str]) -> str:
    """Say the reviewer's word on the version that the page showed; where to go on.

    Raises ConfigurationError when that version is no longer held, and what the review API refuses with.
    """
    decision = form.get("decision", "")
    if decision not in ("release", "reject") or not form.get("version", "").isdecimal():
        raise ConfigurationError("the form is not whole; load the page again", reason_code="FORM_INCOMPLETE")
    hold = open_hold(stack, tenant, document, int(form["version"]))
    body: dict[str, Any] = {"document_version": hold["document_version"]}
    body |= {"waive": []} if decision == "release" else {}
    event = quarantined(stack, hold["event_id"])
    api = review_api(stack, tenant, reviewer, list(event.access.groups))
    answer = api.call("POST", f"/v1/quarantine/{quote(document, safe='')}/{decision}", json=body)
    return f"{PATH}?told={answer['decision']}"
