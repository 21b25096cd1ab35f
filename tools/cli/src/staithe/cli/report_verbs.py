"""audit timeline, and the reports of audit export: who saw which document when, and what was done to a document."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from staithe.audit.files import LogFiles
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader, read_checkpoint
from staithe.audit.report_csv import Names, timeline_csv
from staithe.audit.report_html import dossier_html, timeline_html
from staithe.audit.reports import Asked, Dossier, Period, dossier, timeline
from staithe.cli.console import err, guarded
from staithe.cli.local import LocalStack
from staithe.cli.log_round import read_log_key
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.events import document_subject
from staithe.kernel.vocabulary import TenantId, document_id, tenant_id
from staithe.query.audit import KeyedDigest

NAMES_MAX: Final = 1_000
"""Documents or people of one report; more is a list for a program, and `audit export` gives it everything."""
_HMAC: Final = re.compile("[0-9a-f]{64}")


class ReportFormat(StrEnum):
    """How a timeline is written."""

    HTML = "html"
    CSV = "csv"


LogOption = Annotated[Path | None, typer.Option(help="Folder of the log; default: the local stack's.")]
KeyOption = Annotated[Path | None, typer.Option(help="File with the log's verification key (vkey).")]
OutOption = Annotated[Path | None, typer.Option(help="File to write, mode 0600; default: standard output.")]
Since = Annotated[str, typer.Option(help="Only from this time on, ISO 8601; without a zone it is UTC.")]
Until = Annotated[str, typer.Option(help="Only before this time.")]


@guarded
def timeline_verb(
    tenant: Annotated[str, typer.Option(help="The tenant.")],
    subject: Annotated[list[str] | None, typer.Option(help="Only this document; may be given again.")] = None,
    principal: Annotated[
        list[str] | None, typer.Option(help="Only this caller: the `sub` of a token, or the digest in the log.")
    ] = None,
    since: Since = "",
    until: Until = "",
    form: Annotated[ReportFormat, typer.Option("--format", help="`html`, to print, or `csv`.")] = ReportFormat.HTML,
    file: Annotated[
        Path | None, typer.Option("--out", help="File to write, mode 0600; default: standard output.")
    ] = None,
    caller_key: Annotated[
        Path | None, typer.Option(help="Query's audit.key, to find callers by `sub`; default: the local stack's.")
    ] = None,
    log: LogOption = None,
    key: KeyOption = None,
) -> None:
    """Who saw which document when, by document, caller and time: what a report of a breach needs.

    Counts as seen: cited in an answer, shown by a search, read whole, labels inspected. The checkpoint's signature is
    checked; `audit verify` checks the rest.
    """
    named = tenant_id(tenant)
    documents, callers = _documents(named, subject or []), _callers(named, principal or [], caller_key)
    asked = Asked(tenant, frozenset(documents), frozenset(callers), period(since, until))
    reader, _ = open_log_at(log, key)
    found, names = timeline(reader, asked), Names(documents, callers)
    with written_to(file) as stream:
        if form is ReportFormat.CSV:
            stream.writelines(timeline_csv(found.rows, names))
        else:
            stream.write(timeline_html(found, asked, names, made_at=SystemClock().now_ms()))
    err.print(f"{len(found.rows)} sightings", highlight=False)
    if found.unnamed_searches:
        err.print(
            f"[yellow]![/] {found.unnamed_searches} searches of an older release do not name what they showed",
            highlight=False,
        )


def write_dossier(
    tenant: TenantId,
    subject: str,
    when: Period,
    *,
    as_html: bool,
    file: Path | None,
    log: Path | None,
    key: Path | None,
) -> None:
    """Write what the log has about a document, with proofs, as a page or as JSON for `audit verify`."""
    digest = document_subject(tenant, document_id(subject))
    reader, note = open_log_at(log, key)
    found: Dossier = dossier(reader, note, digest, when)
    with written_to(file) as stream:
        if as_html:
            stream.write(dossier_html(found, Names({digest: subject}), made_at=SystemClock().now_ms()))
        else:
            stream.write(found.encode().decode() + "\n")


def open_log_at(log: Path | None, key: Path | None) -> tuple[LogReader, bytes]:
    """A reader of the log, by default the local stack's, and the note that it reads under."""
    if log is None or key is None:
        paths = LocalStack().paths
        log, key = log or paths.audit_log, key or paths.audit_log_vkey
    verifier: VerifierKey = read_log_key(key)
    files = LogFiles(log)
    note = read_checkpoint(files)
    return LogReader(files, open_checkpoint(note, verifier)), note


def period(since: str, until: str) -> Period:
    """The time that `--since` and `--until` name; raises ConfigurationError when they name none."""
    whole = Period()
    found = Period(
        milliseconds(since, "--since") if since else whole.since_ms,
        milliseconds(until, "--until") if until else whole.until_ms,
    )
    if found.since_ms >= found.until_ms:
        raise ConfigurationError("--since must be before --until", reason_code="USAGE")
    return found


def milliseconds(text: str, option: str) -> int:
    """The instant that an option names, milliseconds since the epoch; raises ConfigurationError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{option} is a time such as 2026-11-26T08:00 or 2026-11-26", reason_code="USAGE"
        ) from error
    return max(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), 0)


@contextmanager
def written_to(file: Path | None) -> Iterator[TextIO]:
    """Standard output, or a new file that only its owner may read; raises ConfigurationError when it is there."""
    if file is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {file}: {error.strerror}; name a new file", reason_code="REPORT_UNWRITABLE"
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        yield stream


def _documents(tenant: TenantId, names: Sequence[str]) -> dict[bytes, str]:
    _few(names, "--subject")
    return {document_subject(tenant, document_id(each)): each for each in names}


def _callers(tenant: TenantId, names: Sequence[str], key_file: Path | None) -> dict[str, str]:
    _few(names, "--principal")
    digests = {each: "" for each in names if _HMAC.fullmatch(each)}
    by_name = [each for each in names if each not in digests]
    if by_name:
        digest = KeyedDigest.from_file(key_file or LocalStack().paths.secrets / "query" / "audit.key")
        digests |= {digest.of_caller(tenant, each): each for each in by_name}
    return digests


def _few(names: Sequence[str], option: str) -> None:
    if len(names) > NAMES_MAX:
        raise ConfigurationError(f"{option} can be given {NAMES_MAX} times at most", reason_code="USAGE")
