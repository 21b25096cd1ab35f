"""policy check, diff, explain: try a policy before it is taken into use."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from staithe.cli.console import EXIT_FAILED, guarded, out, print_json
from staithe.cli.document_verbs import TierOption
from staithe.cli.scan_show import explain_table, explained
from staithe.cli.scan_verbs import PolicyOption, SourceOption, TenantOption
from staithe.cli.scanning import STANDARD_POLICY, Scanned, engine_under, labels_of, scanned
from staithe.cli.stack_verbs import JsonOption
from staithe.ingestion.parsers.document import SIGNALS
from staithe.ingestion.parsers.sniff import SUPPORTED
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.vocabulary import Classification, Tier
from staithe.sanitization.detect import ENTITIES
from staithe.sanitization.detect.entities import Group
from staithe.sanitization.engine import INJECTION_SIGNAL, INVISIBLE_SIGNAL
from staithe.sanitization.policy import ANY, Action, DocumentLabels, Policy, When
from staithe.sanitization.policy_file import load_policy

policy = typer.Typer(no_args_is_help=True, help="The sanitization policy.")


@policy.command()
@guarded
def check(
    file: Annotated[Path, typer.Argument(help="Policy file.")] = STANDARD_POLICY,
    as_json: JsonOption = False,
) -> None:
    """Say whether a policy is sound, and what in it is probably not meant. Exit 2 when it is not sound."""
    checked = load_policy(file)
    warnings = _warnings(checked)
    if as_json:
        print_json({"name": checked.name, "policy_sha256": checked.digest.hex(), "warnings": warnings})
        return
    rules = len(checked.entities) + len(checked.signals) + len(checked.content_types)
    out.print(f"[green]✓[/] {file}: {rules} rules, policy_sha256 {checked.digest.hex()}", highlight=False)
    for each in warnings:
        out.print(Text(f"! {each}", style="yellow"))


@policy.command()
@guarded
def explain(
    file: Annotated[Path, typer.Argument(help="A document.")],
    policy_file: PolicyOption = None,
    tenant: TenantOption = "local",
    tier: TierOption = 1,
    classification: Classification = Classification.INTERNAL,
    source: SourceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show which rule does what to each finding of a document, and why the document is held, if it is."""
    if not file.is_file():
        raise ConfigurationError(f"{file} is no file", reason_code="PATH_MISSING")
    labels = labels_of(tenant, tier, classification, source)
    ((result,),) = scanned([engine_under(policy_file)], [file], labels)
    document = result.document
    if document is None:
        raise InvalidEvent(f"{file}: {result.error}", reason_code="NOT_SCANNED")
    rules = [each.rule for each in document.decisions if each.reason_code]
    if as_json:
        print_json({
            "verdict": document.verdict.value, "reason_codes": list(document.reason_codes), "held_by": rules,
            "content_type": result.content_type,
            "signals": dict(document.signals), "findings": list(explained(document)),
        })  # fmt: skip
        return
    out.print(explain_table(document))
    signals = ", ".join(f"{name} {value:g}" for name, value in sorted(document.signals.items()) if value)
    out.print(f"type: {result.content_type}; signals: {signals or 'none'}", highlight=False)
    why = f" by {', '.join(rules)}: {', '.join(document.reason_codes)}" if rules else ""
    out.print(f"verdict: {document.verdict.value}{why}", highlight=False)


@policy.command()
@guarded
def diff(
    old: Annotated[Path, typer.Argument(help="Policy file.")],
    new: Annotated[Path, typer.Argument(help="Policy file.")],
    folder: Annotated[Path, typer.Argument(help="Documents to compare on; a manifest's labels count.")],
    tenant: TenantOption = "local",
    tier: TierOption = 1,
    classification: Classification = Classification.INTERNAL,
    source: SourceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show for which documents a new policy changes the verdict or what is done to findings. Exit 1 on errors only."""
    engines = [engine_under(old), engine_under(new)]
    labels = labels_of(tenant, tier, classification, source)
    rows: list[dict[str, Any]] = []
    total = faults = 0
    for results in scanned(engines, [folder], labels):
        total += 1
        if len(results) < len(engines):
            faults += 1
            rows.append({"document": results[0].name, "error": results[0].error})
        elif change := _change(*results):
            rows.append(change)
    if as_json:
        print_json({"documents": total, "changed": rows})
    else:
        out.print(_diff_table(rows))
        out.print(f"{len(rows) - faults} of {total} documents change, {faults} could not be read", highlight=False)
    raise typer.Exit(EXIT_FAILED if faults else 0)


def _warnings(checked: Policy) -> list[str]:
    warnings = [
        f"rule {rule.id}: no detector of this release finds {entity}"
        for rule in checked.entities
        for entity in rule.entities
        if entity != ANY and entity not in ENTITIES
    ]
    for number, rule in enumerate(checked.entities, start=1):
        fits_all = ANY in rule.entities and not rule.min_score and rule.when == When()
        below = len(checked.entities) - number
        if fits_all and below:
            warnings.append(f"rule {rule.id} fits everything: the {below} below it never decide")
            break
    known = {*map(str.upper, SIGNALS), INJECTION_SIGNAL, INVISIBLE_SIGNAL}
    warnings += [
        f"rule {rule.id}: no part of this release reports {rule.signal}"
        for rule in checked.signals
        if rule.signal not in known
    ]
    return warnings + _warnings_of_types(checked) + _warnings_of_tier_two(checked)


def _warnings_of_tier_two(checked: Policy) -> list[str]:
    """What tier 2 would see of surely found values, in documents that no other label sets apart."""
    warnings = []
    for entity, group in ENTITIES.items():
        decision = checked.ruling_for(DocumentLabels("", tier=Tier.ANALYTICS)).on_finding(entity, 1.0)
        if decision.action is Action.PSEUDONYMISE:
            warnings.append(f"rule {decision.rule}: tier 2 gets pseudonyms of {entity}, which lead back")
        elif decision.action is Action.KEEP and group is not Group.ORDINARY:
            warnings.append(f"rule {decision.rule}: tier 2 sees {entity} as it stands")
    return warnings


def _warnings_of_types(checked: Policy) -> list[str]:
    warnings = [
        f"rule {rule.id}: ingestion of this release reads no {content_type}"
        for rule in checked.content_types
        for content_type in rule.allow
        if content_type not in SUPPORTED
    ]
    fits_all = [number for number, rule in enumerate(checked.content_types, start=1) if rule.when == When()]
    if fits_all and (below := len(checked.content_types) - fits_all[0]):
        warnings.append(
            f"rule {checked.content_types[fits_all[0] - 1].id} fits everything: the {below} below it never decide"
        )
    return warnings


def _change(before: Scanned, after: Scanned) -> dict[str, Any] | None:
    one, other = before.document, after.document
    if one is None or other is None:
        return None
    if (one.verdict, _actions(one)) == (other.verdict, _actions(other)):
        return None
    lost, gained = _actions(one) - _actions(other), _actions(other) - _actions(one)
    return {
        "document": before.name, "verdict": [one.verdict.value, other.verdict.value],
        "no_longer": _worded(lost), "instead": _worded(gained),
    }  # fmt: skip


def _actions(document: Any) -> Counter[tuple[str, str]]:
    return Counter((each.entity, each.decision.action.value) for _, each in document.findings())


def _worded(counts: Mapping[tuple[str, str], int]) -> list[str]:
    return [f"{count} {entity} {action}" for (entity, action), count in sorted(counts.items())]


def _diff_table(rows: list[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("document", "verdict", "no longer", "instead"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        if "error" in row:
            table.add_row(Text(row["document"]), Text("error", style="bold red"), Text(row["error"]), "")
            continue
        before, after = row["verdict"]
        verdict = before if before == after else f"{before} → {after}"
        table.add_row(Text(row["document"]), verdict, ", ".join(row["no_longer"]), ", ".join(row["instead"]))
    return table
