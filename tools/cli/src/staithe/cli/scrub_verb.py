"""audit scrub: what the index holds now against what the log says was indexed."""

import typer

from staithe.audit.files import LogFiles
from staithe.audit.notes import VerifierKey
from staithe.audit.reader import open_reader
from staithe.audit.scrub import IndexedVersions
from staithe.cli.console import EXIT_FAILED, err, guarded, out, print_json, progress_bar
from staithe.cli.local import LocalStack
from staithe.cli.stack_verbs import JsonOption, MilvusKind
from staithe.kernel.errors import Integrity
from staithe.kernel.events import DocumentCurrent, document_subject
from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import MilvusConnection, MilvusIndexReader


@guarded
def scrub(milvus: MilvusKind = "lite", as_json: JsonOption = False) -> None:
    """Compare the chunks of every current version in Milvus with the log. Exit 1 when one was changed or is missing.

    Needs the running stack. Finds changed, missing, added and exchanged chunks by their sealed bytes, without a key;
    it does not compare vectors, and does not look for rows of documents that are not current, which nobody is shown.
    """
    stack = LocalStack()
    key = VerifierKey.parse(stack.paths.audit_log_vkey.read_text())
    indexed = IndexedVersions.in_log(open_reader(LogFiles(stack.paths.audit_log), key))
    current = {(each.tenant_id, each.document_id): each for each in stack.current()}
    served = [each for each in current.values() if not each.erased]
    connection = MilvusConnection(stack.index(milvus))
    reader, faults = MilvusIndexReader(connection, model_digest()), []
    with progress_bar() as progress:
        task = progress.add_task("documents", total=len(served))
        for event in served:
            fault = _fault(event, reader, indexed)
            faults += (
                [{"document_id": event.document_id, "tenant_id": event.tenant_id, "fault": fault}] if fault else []
            )
            progress.advance(task)
    connection.close()
    if as_json:
        print_json({"ok": not faults, "documents": len(served), "faults": faults})
    else:
        for each in faults:
            out.print(f"[red]✗[/] {each['tenant_id']}/{each['document_id']}: {each['fault']}", highlight=False)
        err.print(f"{len(served)} current documents compared with the log, {len(faults)} differ")
    raise typer.Exit(EXIT_FAILED if faults else 0)


def _fault(event: DocumentCurrent, reader: MilvusIndexReader, indexed: IndexedVersions) -> str:
    try:
        chunks = reader.fetch_document_chunks(event.tenant_id, event.document_id, event.document_version)
    except Integrity as error:
        return error.message
    if len(chunks) != event.chunk_count:
        return f"the index has {len(chunks)} of its {event.chunk_count} chunks"
    subject = document_subject(event.tenant_id, event.document_id)
    return indexed.fault((subject, event.document_version), model_digest(), chunks)
