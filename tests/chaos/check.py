"""The checker: a process of its own that reads a stack from outside, holds it against the source's journal, and prints
the verdict as JSON. It waits until everything has settled, or gives up and reports what is missing.

    python tests/chaos/check.py --folder STACK --port-base N --journal FILE [--journal FILE …]
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import httpx  # noqa: E402
from journal import Acknowledged, Document, read  # noqa: E402
from judge import Observed, Standing, Verdict, judge  # noqa: E402
from support.checker import Checker  # noqa: E402
from support.live import LiveStack  # noqa: E402

from staithe.cli.local import Who  # noqa: E402
from staithe.kernel.events import AuditEvent, DocumentCurrent, DocumentIndexed, document_subject  # noqa: E402
from staithe.kernel.vocabulary import DocumentId, Operation, TenantId  # noqa: E402
from staithe.stack.fates import Fate  # noqa: E402
from staithe.stack.ports import StackPorts  # noqa: E402

SETTLE_SECONDS_MAX: Final = 300.0
SERVED_SAMPLE_MAX: Final = 300
"""Documents whose text is fetched: evenly spread over the journal, the erased ones first."""
BUSY_TRIES_MAX: Final = 20
PAUSE_SECONDS: Final = 2.0


class Outsider:
    """Reads a stack for one journal; writes nothing."""

    def __init__(self, live: LiveStack, journal: Sequence[Acknowledged]) -> None:
        self._live, self._journal, self._checker = live, journal, Checker(live)
        self._documents = {line.document for line in journal}

    def close(self) -> None:
        """Let the connections go."""
        self._checker.close()

    def look(self) -> Observed:
        """Everything the judge asks for, as it is now."""
        seen = Observed(rows=self._rows(), current=self._current(), served=self._served())
        for event in self._checker.read("documents.indexed.v1"):
            assert isinstance(event, DocumentIndexed)
            version = (Document(event.tenant_id, event.document_id), event.document_version)
            (seen.erased if event.operation is Operation.ERASE else seen.indexed)[version] += 1
        self._count_fates(seen)
        self._count_audit(seen)
        return seen

    def settled(self) -> bool:
        """Whether nothing acknowledged is without a fate any more: cheap, for waiting."""
        seen = Observed()
        for event in self._checker.read("documents.indexed.v1"):
            assert isinstance(event, DocumentIndexed)
            seen.indexed[(Document(event.tenant_id, event.document_id), event.document_version)] += 1
        self._count_fates(seen)
        self._count_audit(seen)
        return not any(line.startswith("no fate") for line in judge(self._journal, seen).lost)

    def _count_fates(self, seen: Observed) -> None:
        observer = self._checker.observer
        while not observer.finished():
            observer.poll(0.5)
        observer.poll(0.2)
        for (key, version), fates in observer.book.versions.items():
            seen.quarantined[(Document(key.tenant_id, key.document_id), version)] += fates[Fate.QUARANTINED]
        for key in observer.book.letters:
            seen.dead_letters[Document(key.tenant_id, key.document_id)] += len(observer.book.dead_letters(key))

    def _count_audit(self, seen: Observed) -> None:
        for event in self._checker.read("audit.events.v1"):
            assert isinstance(event, AuditEvent)
            seen.audit_sent[event.event_id] += 1
        names = {
            document_subject(TenantId(each.tenant_id), DocumentId(each.document_id)): each for each in self._documents
        }
        for entry in self._checker.entries():
            seen.audit_logged[entry.event_id] += 1
            if entry.action == "document.superseded" and entry.subject_sha256 in names:
                seen.superseded[(names[entry.subject_sha256], entry.document_version)] += 1

    def _current(self) -> dict[Document, Standing]:
        current: dict[Document, Standing] = {}
        for event in self._checker.read("documents.current.v1"):
            assert isinstance(event, DocumentCurrent)
            document = Document(event.tenant_id, event.document_id)
            if document in self._documents:
                current[document] = Standing(event.document_version, event.erased, event.chunk_count)
        return current

    def _rows(self) -> list[tuple[Document, int, int]]:
        rows = [
            (Document(row.tenant_id, row.document_id), row.document_version, row.ordinal)
            for row in self._checker.rows()
        ]
        return [row for row in rows if row[0] in self._documents]

    def _served(self) -> dict[Document, str | None]:
        """What the query service gives for a sample of the documents."""
        erased = sorted({line.document for line in self._journal if line.operation == "ERASE"})
        others = sorted(self._documents - set(erased) - {line.document for line in self._journal if line.poison})
        chosen = [*_spread(erased, SERVED_SAMPLE_MAX // 3), *_spread(others, SERVED_SAMPLE_MAX)]
        served: dict[Document, str | None] = {}
        for tenant in {each.tenant_id for each in chosen}:
            with self._live.client("query", Who(tenant, 1, (), "chaos-checker")) as client:
                served |= {each: _content(client, each) for each in chosen if each.tenant_id == tenant}
        return served


def _spread(documents: Sequence[Document], count: int) -> Sequence[Document]:
    return documents[:: max(1, -(-len(documents) // count))]


def _content(client: httpx.Client, document: Document) -> str | None:
    """The document's text, None when there is none for us; a busy or waking service is asked again."""
    for _ in range(BUSY_TRIES_MAX):
        answer = client.get(f"/v1/documents/{document.document_id}/content")
        if answer.status_code == 404:
            return None
        if answer.status_code == 200:
            return answer.text
        if answer.status_code == 500:
            return ""  # it says itself that the document's chunks do not fit together
        assert answer.status_code in (429, 503), f"{answer.status_code} for a document's text"
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5.0))
    return ""


def verdict_on(live: LiveStack, journal: Sequence[Acknowledged], settle_seconds: float) -> Verdict:
    """The verdict once it holds, or as it is when the time is over."""
    deadline = time.monotonic() + settle_seconds
    with closing(Outsider(live, journal)) as outsider:
        while not outsider.settled() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        while True:
            verdict = judge(journal, outsider.look())
            if verdict.holds or time.monotonic() > deadline:
                return verdict
            time.sleep(PAUSE_SECONDS)


def main() -> int:
    """Judge; 0 when the promise holds."""
    parser = argparse.ArgumentParser(description="Hold a stack against a journal.")
    parser.add_argument("--folder", type=Path, required=True, help="the stack's folder")
    parser.add_argument("--port-base", type=int, required=True, help="its first port")
    parser.add_argument("--journal", type=Path, action="append", required=True, help="a source's journal")
    parser.add_argument("--milvus", choices=("lite", "server"), default="lite")
    parser.add_argument("--settle-seconds", type=float, default=SETTLE_SECONDS_MAX)
    arguments = parser.parse_args()
    live = LiveStack(arguments.milvus, arguments.folder)
    live.ports = StackPorts(arguments.port_base)
    verdict = verdict_on(live, read(arguments.journal), arguments.settle_seconds)
    print(json.dumps({**asdict(verdict), "holds": verdict.holds}, indent=1))
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
