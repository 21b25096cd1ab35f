"""publish, erase, ask, search, token: documents in, documents out, questions answered."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from staithe.cli.api import Api
from staithe.cli.console import EXIT_FAILED, err, guarded, out, print_json, progress_bar
from staithe.cli.local import SCOPES, LocalStack, Who
from staithe.cli.manifest import Labels, documents_in
from staithe.cli.publish import publish as publish_documents
from staithe.cli.publish import wait_settled
from staithe.cli.show import answer_panel, erasure_panel, fates_table, results_table
from staithe.cli.stack_verbs import JsonOption
from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.kernel.vocabulary import Access, Classification, Tier, access_groups
from staithe.stack.fates import DocumentKey, Fate

Tenant = Annotated[str, typer.Option(help="The tenant on whose behalf to act.")]
TierOption = Annotated[int, typer.Option(min=1, max=3, help="1 office, 2 analytics, 3 engineering.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="Group; repeat for several.")]
Question = Annotated[str, typer.Argument(help="In plain words.")]
SETTLE_SECONDS = 120.0
RECEIPT_SECONDS = 10.0
RECEIPT_POLL_SECONDS = 0.1


@guarded
def publish(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders; a folder's manifest.yaml gives its labels.")],
    tenant: Annotated[str | None, typer.Option(help="Tenant of files without a manifest.")] = None,
    tier: TierOption = 1,
    classification: Annotated[Classification, typer.Option(case_sensitive=False)] = Classification.INTERNAL,
    group: Groups = None,
    wait: Annotated[bool, typer.Option(help="Wait until every document has settled.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Publish documents through Kafka, and wait for what becomes of them."""
    stack = LocalStack()
    access = Access(Tier(tier), access_groups(tuple(group or ())), classification)
    labels = Labels(tenant, access) if tenant else None
    documents = [each for path in paths for each in documents_in(path, labels)]
    if not documents:
        raise ConfigurationError("there is nothing of a known type to publish", reason_code="NOTHING_TO_PUBLISH")
    observer = stack.fates()
    with progress_bar() as progress:
        sending = progress.add_task("publishing", total=len(documents))
        versions = publish_documents(stack, documents, lambda: progress.advance(sending))
        settling = progress.add_task("through the pipeline", total=len(versions), visible=wait)
        fates = wait_settled(
            observer, versions, timeout_seconds=SETTLE_SECONDS if wait else 0.0,
            settled=lambda count: progress.update(settling, completed=count),
        )  # fmt: skip
    rows = [
        {
            "tenant_id": key.tenant_id, "document_id": key.document_id, "document_version": version,
            "fate": fate.value if fate else None, "reason_code": observer.book.reason_of(key),
        }
        for (key, version), fate in fates.items()
    ]  # fmt: skip
    observer.close()
    if as_json:
        print_json(rows)
    else:
        out.print(f"{len(versions)} documents acknowledged")
        out.print(fates_table(fates) if wait else "")
        for row in rows:
            if row["fate"] not in (None, Fate.INDEXED.value):
                out.print(f"  {row['document_id']}: {row['fate']} {row['reason_code']}", highlight=False)
    raise typer.Exit(EXIT_FAILED if wait and None in fates.values() else 0)


@guarded
def erase(
    document_id: Annotated[str, typer.Argument(help="The document to erase, all versions.")],
    tenant: Tenant,
    tier: TierOption = 3,
    group: Groups = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a document: it stops answering at once, its rows leave the index, and its secrets are destroyed."""
    stack = LocalStack()
    observer = stack.fates()
    who = Who(tenant, tier, tuple(group or ()))
    api = Api(stack, "query", who)
    accepted = api.call("DELETE", f"/v1/documents/{document_id}")
    version = (DocumentKey(tenant, document_id), int(accepted["document_version"]))
    fates = wait_settled(observer, [version], timeout_seconds=SETTLE_SECONDS, settled=lambda _: None)
    observer.close()
    erased = fates[version] is Fate.ERASED
    receipt = _receipt(api, document_id, version[1]) if erased else None
    if as_json:
        print_json({**accepted, "erased": receipt is not None, "receipt": receipt})
    else:
        out.print("[red]✗ not confirmed in time[/]" if receipt is None else erasure_panel(receipt))
    raise typer.Exit(EXIT_FAILED if receipt is None else 0)


def _receipt(api: Api, document_id: str, version: int) -> dict[str, Any] | None:
    """The receipt of this erasure; query may learn of it a moment after its index event."""
    deadline = time.monotonic() + RECEIPT_SECONDS
    while time.monotonic() < deadline:
        receipt = api.call("GET", f"/v1/documents/{document_id}/erasure")
        if receipt["status"] == "erased" and receipt["document_version"] >= version:
            return receipt
        time.sleep(RECEIPT_POLL_SECONDS)
    return None


@guarded
def ask(
    question: Question,
    tenant: Tenant = "harbour",
    tier: TierOption = 1,
    group: Groups = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a question and print the answer with its citations. Exit 1 when there is no supported answer."""
    api, asked = _query(tenant, tier, group), {"question": question}
    live = out.is_terminal and not as_json
    answer = _ask_live(api, asked) if live else api.call("POST", "/v1/answers", json=asked)
    if as_json:
        print_json(answer)
    else:
        out.print(answer_panel(question, answer))
    raise typer.Exit(0 if answer["answered"] else EXIT_FAILED)


@guarded
def search(
    question: Question, tenant: Tenant = "harbour", tier: TierOption = 1, group: Groups = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
) -> None:  # fmt: skip
    """Search and print the nearest chunks that the caller may see."""
    found = _query(tenant, tier, group).call("POST", "/v1/search", json={"question": question, "limit": limit})
    if as_json:
        print_json(found)
    else:
        out.print(results_table(found["results"]))


@guarded
def token(
    tenant: Tenant = "harbour", tier: TierOption = 1, group: Groups = None,
    subject: Annotated[str, typer.Option(help="Who the token is for.")] = "developer",
    seconds: Annotated[int, typer.Option(min=1, help="Lifetime.")] = 3600,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="One scope; default: all but reidentify.")] = None,
) -> None:  # fmt: skip
    """Print a development token of the local issuer. Never use one outside the local stack."""
    err.print("[yellow]development token: anybody holding it is this caller until it expires[/]")
    who = Who(tenant, tier, tuple(group or ()), subject)
    typer.echo(LocalStack().token(who, lifetime_seconds=seconds, scopes=tuple(scope or SCOPES)))


def _ask_live(api: Api, asked: dict[str, str]) -> dict[str, Any]:
    """The answer, its sentences on the screen as they arrive; the caller shows the whole in their place."""
    answer: dict[str, Any] | None = None
    arriving = Text()
    with Live(Text("searching …", style="dim"), console=out, transient=True) as live:
        for event, told in api.stream("POST", "/v1/answers", json=asked):
            if event == "sentence":
                arriving.append(f"{told['text']} ", style="bold")
                live.update(arriving)
            elif event == "done":
                answer = told
    if answer is None:
        raise Unavailable("the answer broke off; ask again", reason_code="ANSWER_INCOMPLETE")
    return answer


def _query(tenant: str, tier: int, groups: list[str] | None) -> Api:
    return Api(LocalStack(), "query", Who(tenant, tier, tuple(groups or ())))
