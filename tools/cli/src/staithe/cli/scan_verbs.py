"""scan: what sanitization would find in files or lines, and do about it. Reads and prints; nothing is sent anywhere."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from staithe.cli.api import Api
from staithe.cli.console import EXIT_FAILED, err, guarded, out, print_json
from staithe.cli.document_verbs import TierOption
from staithe.cli.local import LocalStack, Who
from staithe.cli.scan_lines import scan_lines
from staithe.cli.scan_show import coloured, difference, explained, summary_table
from staithe.cli.scanning import Scanned, engine_under, labels_of, scanned
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Classification

PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Policy file; default policies/sanitization.yaml.")]
TenantOption = Annotated[str, typer.Option(help="Tenant by whose rules to judge.")]
SourceOption = Annotated[str, typer.Option(help="Source by whose rules to judge.")]


@guarded
def scan(
    files: Annotated[list[Path] | None, typer.Argument(help="Files or folders; a manifest's labels count.")] = None,
    policy: PolicyOption = None,
    tenant: TenantOption = "local",
    tier: TierOption = 1,
    classification: Classification = Classification.INTERNAL,
    source: SourceOption = "",
    text: Annotated[bool, typer.Option("--text", help="Print the text as it would be indexed.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print only what changes.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Read lines {"id","text"} on standard input.')] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what sanitization would find, and do under a policy. Exit 1 when something could not be scanned.

    Spans count characters of the text as ingestion reads the file; with --jsonl, of the line's own text.
    """
    labels = labels_of(tenant, tier, classification, source)
    if jsonl:
        if files:
            raise ConfigurationError("--jsonl reads standard input; name no files with it", reason_code="USAGE")
        faults = 0
        for result in scan_lines(engine_under(policy), sys.stdin.buffer, labels, text=text):
            typer.echo(json.dumps(result))
            faults += "error" in result
        raise typer.Exit(EXIT_FAILED if faults else 0)
    if not files:
        raise ConfigurationError("name files to scan, or --jsonl for standard input", reason_code="USAGE")
    results = [each[0] for each in scanned([engine_under(policy)], files, labels)]
    if as_json:
        print_json([_plain(each, text=text) for each in results])
    else:
        for each in results:
            _show(each, several=len(results) > 1, text=text, diff=diff)
        if not text:
            out.print(summary_table(results))
    raise typer.Exit(EXIT_FAILED if any(each.document is None for each in results) else 0)


def _plain(result: Scanned, *, text: bool) -> dict[str, object]:
    if result.document is None:
        return {"id": result.name, "error": result.error}
    findings = [{name: value for name, value in row.items() if name not in ("value", "becomes")}
                for row in explained(result.document)]  # fmt: skip
    plain: dict[str, object] = {
        "id": result.name, "findings": findings, "verdict": result.document.verdict.value,
        "reason_codes": list(result.document.reason_codes), "signals": dict(result.document.signals),
    }  # fmt: skip
    return plain | ({"text": result.document.text} if text else {})


def _show(result: Scanned, *, several: bool, text: bool, diff: bool) -> None:
    if result.document is None:
        return
    if several:
        out.rule(result.name)
    if text:
        typer.echo(result.document.text)
    else:
        out.print(difference(result) if diff else coloured(result))


@guarded
def reidentify(
    tenant: Annotated[str, typer.Option(help="The tenant whose pseudonyms to open.")] = "harbour",
    subject: Annotated[str, typer.Option(help="Who asks; the audit log keeps a keyed digest of it.")] = "developer",
    file: Annotated[Path | None, typer.Option(help="Text with pseudonyms; default: standard input.")] = None,
) -> None:
    """Open the reversible pseudonyms in a text, as somebody who may. Every call is audited; development stacks only."""
    try:
        text = file.read_text() if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("the text cannot be read as UTF-8", reason_code="TEXT_UNREADABLE") from error
    api = Api(LocalStack(), "sanitization", Who(tenant, subject=subject), ("reidentify",))
    answer = api.call("POST", "/v1/reidentify", json={"text": text})
    typer.echo(answer["text"], nl=not answer["text"].endswith("\n"))
    err.print(f"{answer['opened']} opened, {answer['unknown']} not; audit event {answer['audit_event_id']}")
