"""audit export: the log's events for a SIEM, a spreadsheet, or the person whom a document is about."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from staithe.audit.export import Format, Wanted, exported
from staithe.cli.console import guarded
from staithe.cli.report_verbs import KeyOption, LogOption, Since, Until, open_log_at, period, write_dossier, written_to
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import document_subject
from staithe.kernel.vocabulary import document_id, tenant_id


class ExportFormat(StrEnum):
    """Lines for programs, or a dossier of one document."""

    OCSF = "ocsf"
    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"
    PROOFS = "proofs"


_DOSSIERS = (ExportFormat.HTML, ExportFormat.PROOFS)


@guarded
def export(
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="`ocsf` (1.4) and `jsonl`: JSON lines; `csv`; with --subject also `html`: a page to hand over, and "
            "`proofs`: entries with inclusion proofs, for `audit verify`.",
        ),
    ] = ExportFormat.OCSF,
    subject: Annotated[str, typer.Option(help="Only what was done to this document; needs --tenant.")] = "",
    tenant: Annotated[str, typer.Option(help="The document's tenant.")] = "",
    since: Since = "",
    until: Until = "",
    from_leaf: Annotated[int, typer.Option(min=0, help="Only from this leaf on: where the last export ended.")] = 0,
    file: Annotated[
        Path | None, typer.Option("--out", help="File to write, mode 0600; default: standard output.")
    ] = None,
    log: LogOption = None,
    key: KeyOption = None,
) -> None:
    """Print the log's events, one a line, in its order. The checkpoint is checked; `audit verify` checks the rest."""
    if bool(subject) != bool(tenant):
        raise ConfigurationError("--subject and --tenant go together", reason_code="USAGE")
    when = period(since, until)
    if form in _DOSSIERS:
        if not subject or from_leaf:
            raise ConfigurationError(
                f"--format {form} is of one --subject, and has no --from-leaf", reason_code="USAGE"
            )
        write_dossier(
            tenant_id(tenant), subject, when, as_html=form is ExportFormat.HTML, file=file, log=log, key=key
        )  # fmt: skip
        return
    wanted = Wanted(
        subject_sha256=document_subject(tenant_id(tenant), document_id(subject)) if subject else None,
        since_ms=when.since_ms, until_ms=when.until_ms, from_leaf=from_leaf,
    )  # fmt: skip
    reader, _ = open_log_at(log, key)
    with written_to(file) as stream:
        stream.writelines(exported(reader, Format(form.value), wanted))
