"""audit export: the log's events for a SIEM, a spreadsheet, or the person whom a document is about."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from staithe.audit.export import Format, Wanted, exported
from staithe.audit.files import LogFiles
from staithe.audit.reader import open_reader
from staithe.cli.console import guarded
from staithe.cli.local import LocalStack
from staithe.cli.log_round import read_log_key
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import document_subject
from staithe.kernel.vocabulary import document_id, tenant_id


@guarded
def export(
    form: Annotated[
        Format, typer.Option("--format", help="`ocsf` (1.4) and `jsonl`: JSON lines; `csv`.")
    ] = Format.OCSF,
    subject: Annotated[str, typer.Option(help="Only what was done to this document; needs --tenant.")] = "",
    tenant: Annotated[str, typer.Option(help="The document's tenant.")] = "",
    since: Annotated[str, typer.Option(help="Only from this time on, ISO 8601; without a zone it is UTC.")] = "",
    from_leaf: Annotated[int, typer.Option(min=0, help="Only from this leaf on: where the last export ended.")] = 0,
    log: Annotated[Path | None, typer.Option(help="Folder of the log; default: the local stack's.")] = None,
    key: Annotated[Path | None, typer.Option(help="File with the log's verification key (vkey).")] = None,
) -> None:
    """Print the log's events, one a line, in its order. The checkpoint is checked; `audit verify` checks the rest."""
    if bool(subject) != bool(tenant):
        raise ConfigurationError("--subject and --tenant go together", reason_code="USAGE")
    wanted = Wanted(
        subject_sha256=document_subject(tenant_id(tenant), document_id(subject)) if subject else None,
        since_ms=_milliseconds(since) if since else 0, from_leaf=from_leaf,
    )  # fmt: skip
    if log is None or key is None:
        paths = LocalStack().paths
        log, key = log or paths.audit_log, key or paths.audit_log_vkey
    for line in exported(open_reader(LogFiles(log), read_log_key(key)), form, wanted):
        sys.stdout.write(line)


def _milliseconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            "--since is a time such as 2026-11-26T08:00 or 2026-11-26", reason_code="USAGE"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
