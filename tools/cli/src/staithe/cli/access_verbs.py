"""access check, diff: who gains and who loses which documents by new rules, before they are taken into use."""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from staithe.cli.console import guarded, out, print_json
from staithe.cli.manifest import DocumentFile, documents_in
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.events import DocumentCurrent
from staithe.kernel.identity.caller import Caller
from staithe.kernel.vocabulary import DocumentId, Tier, access_groups, tenant_id
from staithe.query.access_rules import PURPOSE, AccessRules, load_access_rules
from staithe.query.policy import refuse_document

access = typer.Typer(no_args_is_help=True, help="Who may see which documents beyond tenant, tier and groups.")
STANDARD: Final = Path("policies/access.yaml")
CALLERS_MAX: Final = 10_000
"""Kinds of callers that are compared; more would not be read."""
DOCUMENTS_SHOWN_MAX: Final = 12
"""Names in one cell of the table; --json gives all."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the callers of one kind gain and lose."""

    caller: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


@access.command()
@guarded
def check(file: Annotated[Path, typer.Argument(help="Access rules.")] = STANDARD, as_json: JsonOption = False) -> None:
    """Say whether access rules are sound. Exit 2 when they are not."""
    rules = load_access_rules(file).rules
    if as_json:
        print_json({"rules": [rule.id for rule in rules]})
    else:
        out.print(f"[green]✓[/] {file}: {len(rules)} rules", highlight=False)


@access.command()
@guarded
def diff(
    old: Annotated[Path, typer.Argument(help="Access rules.")],
    new: Annotated[Path, typer.Argument(help="Access rules.")],
    folder: Annotated[Path, typer.Argument(help="Documents with a manifest.yaml; only its labels are read.")],
    callers: Annotated[
        list[str] | None,
        typer.Option(
            "--as", help="TENANT:TIER[:GROUP,…[:PURPOSE,…]]; left out: every tier of every tenant, without groups and "
            "purposes and with each of them alone."
        ),
    ] = None,
    at: Annotated[str, typer.Option(help="When hours are compared, 2026-11-27T09:00+01:00; else now.")] = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show who gains and who loses which documents when NEW takes the place of OLD."""
    before, after = load_access_rules(old), load_access_rules(new)
    now_ms = _moment(at)
    documents = [_current(each, now_ms) for each in documents_in(folder, None)]
    kinds = [_caller(each) for each in callers] if callers else list(_all_kinds(documents, before, after))
    changes = [change for each in kinds if (change := _change(each, documents, before, after, now_ms))]
    if as_json:
        shown = [{"caller": each.caller, "gains": each.gains, "loses": each.loses} for each in changes]
        print_json({"documents": len(documents), "callers": len(kinds), "changes": shown})
        return
    if changes:
        out.print(_table(changes))
    out.print(
        f"{len(changes)} of {len(kinds)} kinds of callers see other documents, of {len(documents)}", highlight=False
    )


def _change(
    caller: Caller, documents: Sequence[DocumentCurrent], before: AccessRules, after: AccessRules, now_ms: int
) -> Change | None:
    seen = [
        {each.key.decode() for each in documents if refuse_document(caller, each, now_ms=now_ms, rules=rules) is None}
        for rules in (before, after)
    ]
    gains, loses = sorted(seen[1] - seen[0]), sorted(seen[0] - seen[1])
    return Change(caller.subject, tuple(gains), tuple(loses)) if gains or loses else None


def _all_kinds(documents: Sequence[DocumentCurrent], *both: AccessRules) -> Iterable[Caller]:
    """Every tier of every tenant, plain, with each group, and with each purpose, that documents or rules name."""
    rules = [rule for each in both for rule in each.rules]
    groups = {group for each in documents for group in each.access.groups}
    groups |= {group for rule in rules for group in rule.callers.groups}
    purposes = {purpose for rule in rules for purpose in rule.callers.purposes}
    tenants = sorted({each.tenant_id for each in documents})
    held = [("", ""), *((group, "") for group in sorted(groups)), *(("", purpose) for purpose in sorted(purposes))]
    held += [(group, purpose) for group in sorted(groups) for purpose in sorted(purposes)]
    if len(tenants) * len(Tier) * len(held) > CALLERS_MAX:
        raise ConfigurationError("too many kinds of callers: name some with --as", reason_code="CALLERS_TOO_MANY")
    for tenant, tier, (group, purpose) in itertools.product(tenants, Tier, held):
        yield _caller(f"{tenant}:{int(tier)}:{group}:{purpose}".rstrip(":"))


def _caller(text: str) -> Caller:
    parts = text.split(":")
    try:
        tenant, tier, *more = parts
        groups, purposes = (*more, "", "")[:2]
        if len(more) > 2:
            raise ValueError
        return Caller(
            subject=text, tenant_id=tenant_id(tenant), tier=Tier(int(tier)),
            groups=frozenset(access_groups(tuple(filter(None, groups.split(","))))),
            scopes=frozenset(PURPOSE + each for each in purposes.split(",") if each),
        )  # fmt: skip
    except (ValueError, InvalidEvent) as error:
        raise ConfigurationError(
            f"{text} names no caller: write TENANT:TIER[:GROUP,…[:PURPOSE,…]]", reason_code="CALLER_MALFORMED"
        ) from error


def _current(document: DocumentFile, now_ms: int) -> DocumentCurrent:
    """What would hold for the document once it is published."""
    return DocumentCurrent(
        tenant_id=tenant_id(document.tenant_id), document_id=DocumentId(document.document_id), document_version=1,
        access=document.access, residency=document.residency, retention_until=document.retention_until,
        content_sha256=b"", erased=False, chunk_count=1, occurred_at=now_ms,
    )  # fmt: skip


def _moment(text: str) -> int:
    if not text:
        return time.time_ns() // 1_000_000
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError as error:
        raise ConfigurationError(
            f"{text} is no moment with an offset, such as 2026-11-27T09:00+01:00", reason_code="MOMENT_MALFORMED"
        ) from error
    return int(moment.timestamp() * 1000)


def _table(changes: Sequence[Change]) -> Table:
    table = Table()
    for heading in ("caller", "gains", "loses"):
        table.add_column(heading, overflow="fold")
    for each in changes:
        table.add_row(Text(each.caller), Text(_worded(each.gains), "green"), Text(_worded(each.loses), "red"))
    return table


def _worded(names: Sequence[str]) -> str:
    more = len(names) - DOCUMENTS_SHOWN_MAX
    return "\n".join([*names[:DOCUMENTS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])])
