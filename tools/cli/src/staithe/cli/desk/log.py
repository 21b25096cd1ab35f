"""The audit log for the desk: entries that fit, and the page that searches them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from staithe.audit.entry import decode_entry
from staithe.audit.files import LogFiles
from staithe.audit.reader import open_reader
from staithe.cli.desk.frame import page
from staithe.cli.desk.markup import choice, digest, element, field, joined, moment, table
from staithe.cli.dlq_verbs import since_ms
from staithe.cli.local import LocalStack
from staithe.cli.log_round import read_log_key
from staithe.kernel.clock import SystemClock
from staithe.kernel.events import AuditEvent, Outcome, document_subject
from staithe.kernel.vocabulary import document_id, tenant_id

PATH: Final = "/audit"
ROWS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log and its place."""

    leaf_index: int
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries; an empty field takes all."""

    tenant: str = ""
    service: str = ""
    action: str = ""
    outcome: str = ""
    since_ms: int = 0
    subject_sha256: bytes | None = None

    def takes(self, event: AuditEvent) -> bool:
        """Whether it is one of these."""
        return (
            self.tenant in ("", event.tenant_id)
            and self.service in ("", event.service)
            and self.action in event.action
            and self.outcome in ("", event.outcome.value)
            and event.occurred_at >= self.since_ms
            and self.subject_sha256 in (None, event.subject_sha256)
        )


def entries(stack: LocalStack, search: Search) -> Iterator[Entry]:
    """What fits, in the log's order, from under its signed checkpoint; raises Integrity when that does not verify."""
    paths = stack.paths
    reader = open_reader(LogFiles(paths.audit_log), read_log_key(paths.audit_log_vkey))
    for leaf_index, entry in reader.numbered():
        event = decode_entry(entry)
        if search.takes(event):
            yield Entry(leaf_index, event)


def show(stack: LocalStack, asked: dict[str, str]) -> str:
    """The page; `asked` are the filter's fields. Raises ConfigurationError for a time that is none."""
    tenant, document = asked.get("tenant", ""), asked.get("document", "")
    subject = document_subject(tenant_id(tenant), document_id(document)) if tenant and document else None
    since = asked.get("since", "")
    search = Search(
        tenant if subject is None else "", asked.get("service", ""), asked.get("action", ""), asked.get("outcome", ""),
        since_ms(since, now_ms=SystemClock().now_ms()) if since else 0, subject,
    )  # fmt: skip
    found: deque[Entry] = deque(maxlen=ROWS_MAX)
    count = 0
    for each in entries(stack, search):
        found.append(each)
        count += 1
    told = f"{count} entries" + (f", the newest {ROWS_MAX} shown" if count > ROWS_MAX else "") + ", newest first"
    headings = ("leaf", "when", "service", "action", "outcome", "tenant", "document", "attributes")
    return page(
        "Audit log", PATH,
        element(
            "p", "Entries have no content: documents and callers appear as digests. The checkpoint's signature was "
            "checked; ", element("code", "staithe audit verify"), " checks everything below it.", class_="soft",
        ),
        _filters(stack, asked), table(told, headings, map(_line, reversed(found)), empty="No entry fits."),
    )  # fmt: skip


def _filters(stack: LocalStack, asked: dict[str, str]) -> str:
    names = ["", *stack.topology.services, "operator"]
    outcomes = [("", "any"), *((each.value, each.value.lower()) for each in Outcome)]
    return element(
        "form", field("Tenant", "tenant", asked.get("tenant", "")),
        field("Document (with its tenant)", "document", asked.get("document", "")),
        choice("Service", "service", ((each, each or "any") for each in names), asked.get("service", "")),
        field("Action has", "action", asked.get("action", "")),
        choice("Outcome", "outcome", outcomes, asked.get("outcome", "")),
        field("Since (30m, 12h, 7d or a time)", "since", asked.get("since", "")),
        element("button", "Search", type="submit"), class_="filter", method="get", role="search",
    )  # fmt: skip


def _line(each: Entry) -> list[str]:
    event = each.event
    outcome = event.outcome.value.lower() + (f" {event.reason_code}" if event.reason_code else "")
    subject = joined(digest(event.subject_sha256), f" v{event.document_version}" if event.document_version else "")
    return [
        str(each.leaf_index), moment(event.occurred_at), event.service, event.action,
        element("span", outcome, class_="good" if event.outcome is Outcome.SUCCESS else "bad"), event.tenant_id,
        subject, ", ".join(f"{name}={_short(value)}" for name, value in sorted(event.attributes.items())),
    ]  # fmt: skip


def _short(value: str) -> str:
    return value if len(value) <= 24 else value[:23] + "…"
