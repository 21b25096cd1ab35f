"""audit verify, prove, witness, export, timeline, prune, …: the log and what it proves, checked from outside."""

import os
from pathlib import Path
from typing import Annotated

import typer

from staithe.audit.bundle import parse_bundle
from staithe.audit.cosign import check_cosignature
from staithe.audit.evidence import ProvenAnswer, judge
from staithe.audit.gather import evidence_of
from staithe.audit.limits import EVIDENCE_BYTES_MAX
from staithe.audit.notes import COSIGNATURE, VerifierKey
from staithe.audit.reports import check_dossier, is_dossier
from staithe.audit.verify import VerificationReport, verify_log
from staithe.cli.console import EXIT_FAILED, guarded, out, print_json, progress_bar
from staithe.cli.export_verb import export
from staithe.cli.forward_verb import forward
from staithe.cli.local import LocalStack
from staithe.cli.prune_verb import prune
from staithe.cli.report_verbs import timeline_verb
from staithe.cli.scrub_verb import scrub
from staithe.cli.stack_verbs import JsonOption
from staithe.cli.witness_verb import witness
from staithe.kernel.errors import ConfigurationError, Integrity

audit = typer.Typer(no_args_is_help=True, help="The audit log.")
audit.command()(witness)
audit.command()(export)
audit.command()(forward)
audit.command()(scrub)
audit.command()(prune)
audit.command("timeline")(timeline_verb)

KeyOption = Annotated[Path | None, typer.Option(help="File with the log's verification key (vkey).")]


@audit.command()
@guarded
def verify(
    what: Annotated[
        Path | None, typer.Argument(help="Folder of a log, or a file of evidence; default: the local stack's log.")
    ] = None,
    key: KeyOption = None,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept from earlier: the log must only have added to it.")
    ] = None,
    witness_key: Annotated[
        Path | None, typer.Option(help="File with a witness's key: the checkpoint must carry its cosignature.")
    ] = None,
    answer: Annotated[
        Path | None, typer.Option(help="With evidence: the answer as received; it and its quotations are compared.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every leaf, tile, root and signature of a log, or check the evidence of an answer offline.

    With --witness-key, --since is the cosigned checkpoint; for the local stack it is its witness's.
    Exit 1 when anything does not hold.
    """
    if what is not None and what.is_file():
        if since is not None:
            raise ConfigurationError("--since is for a log, not for evidence", reason_code="USAGE")
        _verify_evidence(what, key, witness_key, answer, as_json=as_json)
        return
    if answer is not None:
        raise ConfigurationError("--answer is for evidence, not for a log", reason_code="USAGE")
    if witness_key is not None and since is None:
        since = LocalStack().paths.witness / "checkpoint"
    folder = what or LocalStack().paths.audit_log
    kept = None if since is None else _read(since, "checkpoint")
    if witness_key is not None and kept is not None:
        check_cosignature(kept, VerifierKey.parse(_read(witness_key, "key").decode(), COSIGNATURE))
    with progress_bar() as progress:
        task = progress.add_task("entries")
        report = verify_log(
            folder, _vkey(key), lambda done, total: progress.update(task, completed=done, total=total),
            kept_checkpoint=kept, processes=os.cpu_count() or 1,
        )  # fmt: skip
    _show_report(report, as_json=as_json)
    raise typer.Exit(0 if report.ok else EXIT_FAILED)


@audit.command()
@guarded
def prove(
    answer_id: Annotated[str, typer.Argument(help="The id that came with the answer.")],
    log: Annotated[Path | None, typer.Option(help="Folder of the log; default: the local stack's.")] = None,
    key: KeyOption = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Prove against this checkpoint, such as a cosigned one; default: the log's.")
    ] = None,
) -> None:
    """Print the evidence of an answer: its entry and those of every version it cites, each with its inclusion proof."""
    verifier = VerifierKey.parse(_vkey(key))
    note = None if checkpoint is None else _read(checkpoint, "checkpoint")
    bundle = evidence_of(answer_id, log or LocalStack().paths.audit_log, verifier, note)
    judge(bundle, verifier)
    typer.echo(bundle.encode().decode())


def _verify_evidence(
    file: Path, key: Path | None, witness_key: Path | None, answer: Path | None, *, as_json: bool
) -> None:
    document = _read(file, "evidence")
    if is_dossier(document):
        _verify_dossier(document, key, as_json=as_json)
        return
    bundle = parse_bundle(document)
    body = None if answer is None else _read(answer, "answer")
    if witness_key is not None:
        check_cosignature(bundle.checkpoint, VerifierKey.parse(_read(witness_key, "key").decode(), COSIGNATURE))
    try:
        proven = judge(bundle, VerifierKey.parse(_vkey(key)), body)
    except Integrity as error:
        if not as_json:
            raise
        print_json({"ok": False, "problem": error.message})
        raise typer.Exit(EXIT_FAILED) from error
    _show_proven(proven, as_json=as_json)


def _verify_dossier(document: bytes, key: Path | None, *, as_json: bool) -> None:
    head, count = check_dossier(document, VerifierKey.parse(_vkey(key)))
    if as_json:
        print_json({"ok": True, "entries": count, "origin": head.origin, "size": head.size, "root": head.root.hex()})
    else:
        out.print(f"[green]✓[/] {count} entries about one document are in {head.origin} at {head.size} entries")


def _show_proven(proven: ProvenAnswer, *, as_json: bool) -> None:
    head = proven.checkpoint
    if as_json:
        citations = [
            {
                "subject_sha256": each.subject_sha256, "document_version": each.document_version,
                "content_sha256": each.content_sha256, "policy_sha256": each.policy_sha256,
                "record_sha256": each.record_sha256,
                "model_digest": each.model_digest, "tier": each.tier, "basis": each.basis,
            }
            for each in proven.citations
        ]  # fmt: skip
        print_json(
            {
                "ok": True, "answer_id": proven.answer_id, "answer_sha256": proven.answer_sha256,
                "answer_checked": proven.answer_checked, "tenant_id": proven.tenant_id,
                "occurred_at": proven.occurred_at, "caller_tier": proven.caller_tier, "citations": citations,
                "checkpoint": {"origin": head.origin, "size": head.size, "root": head.root.hex()},
            }
        )  # fmt: skip
        return
    compared = "the answer and its quotations agree" if proven.answer_checked else "the answer itself was not given"
    out.print(f"[green]✓[/] answer {proven.answer_id} is in {head.origin} at {head.size} entries; {compared}")
    for each in proven.citations:
        out.print(
            f"  version {each.document_version} of document {each.subject_sha256[:16]}… from source bytes "
            f"{each.content_sha256[:16]}…, sanitized under policy {each.policy_sha256[:16]}…, embedded with model "
            f"{each.model_digest[:16]}…; for tier {each.tier} by {each.basis}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _show_report(report: VerificationReport, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": report.ok, "origin": report.origin, "size": report.size, "root": report.root.hex(),
                "pruned_entries": report.pruned_entries, "pruned_by": report.pruned_by,
                "kept_entries": report.kept_entries, "problems": report.problems,
            }
        )  # fmt: skip
    elif report.ok:
        out.print(f"[green]✓[/] {report.origin}: {report.size} entries verify, root {report.root.hex()}")
        if report.pruned_by is not None:
            out.print(
                f"  entries 0 to {report.pruned_entries - 1} were pruned, as entry {report.pruned_by} says: their "
                f"hashes verify, {report.kept_entries} of them are kept and verify; the others can be read by nobody",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
    else:
        for problem in report.problems:
            out.print(f"[red]✗[/] {problem}", highlight=False)


def _vkey(key: Path | None) -> str:
    return _read(key or LocalStack().paths.audit_log_vkey, "key").decode(errors="replace")


def _read(path: Path, what: str) -> bytes:
    """A file that somebody hands over; raises ConfigurationError when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(EVIDENCE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the {what} {path}: {error.strerror}", reason_code=f"{what.upper()}_UNREADABLE"
        ) from error
    if len(content) > EVIDENCE_BYTES_MAX:
        raise ConfigurationError(f"{path} is too large for a {what}", reason_code=f"{what.upper()}_TOO_LARGE")
    return content
