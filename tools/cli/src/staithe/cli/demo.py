"""The demonstration of `staithe run`: sample documents in, one cited answer out, its quotation checked in the file."""

import json
import re
import time

from staithe.audit.evidence import judge
from staithe.audit.gather import evidence_of
from staithe.audit.notes import VerifierKey
from staithe.audit.verify import VerificationReport, verify_log
from staithe.cli.api import Api
from staithe.cli.console import err, out, progress_bar
from staithe.cli.local import LocalStack, Who
from staithe.cli.manifest import DocumentFile, documents_in
from staithe.cli.publish import publish, wait_settled
from staithe.cli.show import answer_panel, fates_table
from staithe.kernel.errors import Integrity, StaitheError
from staithe.stack.fates import Fate

QUESTION = "How much paid holiday does a full-time employee get per year?"
WHO = Who("harbour")
SETTLE_SECONDS_MAX = 300.0
LOG_SECONDS_MAX = 30.0


def demonstrate() -> bool:
    """Publish the samples, ask, print; True when a citation's quotation stands in the document it names."""
    stack = LocalStack()
    documents = list(documents_in(stack.repository / "samples", None))
    observer = stack.fates()
    with progress_bar() as progress:
        sending = progress.add_task("publishing", total=len(documents))
        versions = publish(stack, documents, lambda: progress.advance(sending))
        settling = progress.add_task("through the pipeline", total=len(versions))
        fates = wait_settled(
            observer, versions, timeout_seconds=SETTLE_SECONDS_MAX,
            settled=lambda count: progress.update(settling, completed=count),
        )  # fmt: skip
    observer.close()
    err.print(f"[green]✓[/] {len(versions)} documents published:")
    err.print(fates_table(fates))
    body = Api(stack, "query", WHO).send("POST", "/v1/answers", json={"question": QUESTION})
    answer = json.loads(body)
    out.print(answer_panel(QUESTION, answer))
    verified = any(_stands_in(each["quote"], each["document_id"], documents) for each in answer["citations"])
    mark = "[green]✓ the quotation stands word for word in" if verified else "[red]✗ the quotation was not found in"
    named = answer["citations"][0]["document_id"] if answer["citations"] else "any document"
    out.print(f"{mark} {named}[/]")
    log = _verified_log(stack, len(versions))
    proven = log.ok and log.size >= len(versions)
    mark = "[green]✓[/] the audit log verifies" if proven else "[red]✗ the audit log does not verify[/]"
    out.print(f"{mark}: {log.size} entries")
    traced = _traced(stack, answer["answer_id"], body)
    return verified and proven and traced and None not in fates.values() and Fate.INDEXED in fates.values()


def _verified_log(stack: LocalStack, entries_min: int) -> VerificationReport:
    """The log, verified once it has caught up or LOG_SECONDS_MAX have passed."""
    deadline = time.monotonic() + LOG_SECONDS_MAX
    while True:
        report = verify_log(stack.paths.audit_log, stack.paths.audit_log_vkey.read_text())
        if report.size >= entries_min or time.monotonic() > deadline:
            return report
        time.sleep(0.5)


def _traced(stack: LocalStack, answer_id: str, body: bytes) -> bool:
    """Whether the evidence of the answer leads from its quotations back to the source's bytes; prints what it shows."""
    key = VerifierKey.parse(stack.paths.audit_log_vkey.read_text())
    deadline = time.monotonic() + LOG_SECONDS_MAX
    while True:
        try:
            bundle = evidence_of(answer_id, stack.paths.audit_log, key)
            break
        except StaitheError as error:
            if time.monotonic() > deadline:
                out.print(f"[red]✗ the answer has no evidence: {error.message}[/]")
                return False
        time.sleep(0.5)
    try:
        proven = judge(bundle, key, body)
    except Integrity as error:
        out.print(f"[red]✗ {error.message}[/]")
        return False
    entries = len(bundle.entries)
    out.print(
        f"[green]✓[/] the answer is proven back to its sources: {entries} entries, {len(proven.citations)} citations"
    )
    return True


def _stands_in(quote: str, document_id: str, documents: list[DocumentFile]) -> bool:
    """Whether the file itself has the quotation, white space apart."""
    for document in documents:
        if document.document_id == document_id and document.path.suffix in (".md", ".txt"):
            return _collapsed(quote) in _collapsed(document.path.read_text())
    return False


def _collapsed(text: str) -> str:
    return re.sub(r"\s+", " ", text)
