"""Documents and their journey: what is current, and each step that the audit log knows of, with times and hashes."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from staithe.cli.desk.frame import notice, page
from staithe.cli.desk.log import Entry, Search, entries
from staithe.cli.desk.markup import Html, digest, element, facts, field, joined, moment, table
from staithe.cli.local import LocalStack
from staithe.kernel.events import AuditEvent, DocumentCurrent, document_subject
from staithe.kernel.vocabulary import document_id, tenant_id

PATH: Final = "/documents"
ROWS_MAX: Final = 200
"""A page that people read; the filter narrows it down."""
STEPS: Final = {
    "document.ingested": "Ingested", "document.sanitized": "Sanitized", "document.embedded": "Embedded",
    "document.indexed": "Indexed",
}  # fmt: skip
"""What becomes of a version on its way; each begins with what the one before ended with."""


def show_list(stack: LocalStack, tenant: str, wanted: str) -> str:
    """The newest state of each document, the latest change first."""
    newest: dict[bytes, DocumentCurrent] = {each.key: each for each in stack.current()}
    found = [
        each
        for each in sorted(newest.values(), key=lambda each: -each.occurred_at)
        if tenant in ("", each.tenant_id) and wanted in each.document_id
    ]
    told = f"{len(found)} documents" + (f", the latest {ROWS_MAX} shown" if len(found) > ROWS_MAX else "")
    filters = element(
        "form", field("Tenant", "tenant", tenant), field("Document id has", "id", wanted),
        element("button", "Filter", type="submit"), class_="filter", method="get",
    )  # fmt: skip
    headings = ("document", "version", "state", "tier", "groups", "class", "chunks", "changed")
    return page(
        "Documents", PATH, filters,
        table(told, headings, map(_line, found[:ROWS_MAX]), empty="No document fits, or none was published yet."),
    )  # fmt: skip


def _line(current: DocumentCurrent) -> list[str]:
    name = f"{current.tenant_id}/{current.document_id}"
    labels = current.access
    state = element("span", "erased", class_="bad") if current.erased else element("span", "served", class_="good")
    return [
        element("a", name, href=journey_path(current.tenant_id, current.document_id)), str(current.document_version),
        state, labels.tier.name.lower(), ", ".join(labels.groups) or "everybody", labels.classification.value.lower(),
        str(current.chunk_count), moment(current.occurred_at),
    ]  # fmt: skip


def journey_path(tenant: str, document: str) -> str:
    """Where a document's journey is shown."""
    return f"{PATH}/{quote(tenant, safe='')}/{quote(document, safe='')}"


def show_journey(stack: LocalStack, tenant: str, document: str) -> str:
    """Every version of one document on its way, the newest first; raises InvalidEvent for what is no id."""
    subject = document_subject(tenant_id(tenant), document_id(document))
    known = [*entries(stack, Search(subject_sha256=subject))]
    title = f"{tenant}/{document}"
    if not known:
        return page(title, PATH, notice("The audit log knows nothing of this document.", bad=True))
    versions = sorted({each.event.document_version for each in known}, reverse=True)
    content = [
        part
        for version in versions[:ROWS_MAX]
        for part in version_parts(version, [each for each in known if each.event.document_version == version])
    ]
    return page(title, PATH, *content)


def version_parts(version: int, known: Sequence[Entry]) -> list[Html]:
    """One version's steps as a picture, and whatever else the log knows of it."""
    steps = [each for each in known if each.event.action in STEPS]
    others = [each for each in known if each.event.action not in STEPS]
    heading = f"Version {version}" if version else "Without a version"
    parts = [element("h2", heading)]
    if steps:
        parts.append(element("ol", *_steps(steps), class_="journey"))
        parts.append(facts([("from first to last step", _duration(steps[0].event, steps[-1].event))]))
    if others:
        parts.append(
            table(
                "Also in the log",
                ("when", "leaf", "service", "action", "outcome", "reason"),
                map(_other, others),
                empty="",
            )
        )
    return parts


def _steps(steps: Sequence[Entry]) -> Iterable[Html]:
    before: AuditEvent | None = None
    for each in steps:
        event = each.event
        follows = before is None or before.output_sha256 == event.input_sha256
        took = "" if before is None else f", {_duration(before, event)} after"
        yield element(
            "li", element("b", STEPS[event.action]),
            element("span", moment(event.occurred_at), took),
            element("span", "from ", digest(event.input_sha256)), element("span", "to ", digest(event.output_sha256)),
            element("span", f"by {event.service}, leaf {each.leaf_index}"),
            element("span", "goes on from the step before" if follows else "does not go on from the step before",
                    class_="good" if follows else "bad") if before is not None else "",
            class_=None if follows else "broken",
        )  # fmt: skip
        before = event


def _other(each: Entry) -> list[str]:
    event = each.event
    return [
        moment(event.occurred_at), str(each.leaf_index), event.service, event.action, event.outcome.value.lower(),
        event.reason_code,
    ]  # fmt: skip


def _duration(first: AuditEvent, last: AuditEvent) -> Html:
    return joined(f"{(last.occurred_at - first.occurred_at) / 1000:,.3f} s")
