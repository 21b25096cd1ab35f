"""Documents in, cited answers out, on a real stack with either Milvus: nothing lost, doubled, leaked or left behind."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import corpus
from support.checker import STEPS, Checker, Version, versions_of
from support.live import LiveStack

from staithe.cli.local import Who
from staithe.kernel.vocabulary import Operation
from staithe.stack.fates import DocumentKey, Fate

MILVUS_KINDS = ("lite", "server")
pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

HOME_WORKING = "harbour-home-working-policy"
ANSWERED_SHARE_MIN = 0.6
"""Of the labelled questions whose expected document must be cited; the benchmark follows the exact share."""
EFFECT_SECONDS_MAX = 60.0
OF_OTHER_TESTS = {"tenant_id": "harbour", "tier": 1, "groups": []}


@pytest.fixture(scope="module")
def published(live: LiveStack) -> list[Version]:
    """The sample corpus, published by the command, which waited until all of it had settled."""
    return versions_of(live.cli_json("publish", "samples"))


def ask(live: LiveStack, row: dict[str, Any]) -> dict[str, Any]:
    with live.client("query", corpus.caller_of(row)) as client:
        response = client.post("/v1/answers", json={"question": row["question"]})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def status_of(live: LiveStack, document_id: str, who: Who) -> dict[str, Any]:
    with live.client("ingestion", who) as client:
        status: dict[str, Any] = client.get(f"/v1/documents/{document_id}/status").json()
    return status


def put(live: LiveStack, document_id: str, content: bytes) -> int:
    """Upload a Markdown document for the whole tenant `harbour`; the version it was accepted under."""
    response = send(live, document_id, content)
    assert response.status_code == 202, response.text
    accepted: int = response.json()["document_version"]
    return accepted


def send(live: LiveStack, document_id: str, content: bytes, *, version: int | None = None) -> httpx.Response:
    """Upload a Markdown document for the whole tenant `harbour`, whatever comes of it."""
    labels = {"tier": "1", "classification": "INTERNAL"} | ({"version": str(version)} if version else {})
    with live.client("ingestion", Who("harbour", 3)) as client:
        return client.put(
            f"/v1/documents/{document_id}", params=labels, content=content, headers={"Content-Type": "text/markdown"}
        )


def test_every_document_ends_in_exactly_one_fate(checker: Checker, published: list[Version]) -> None:
    assert len({key for key, _ in published}) == len(published) == corpus.DOCUMENTS
    assert {key.document_id for key, _ in published} == corpus.documents().keys()
    checker.assert_each_ended_once(published)
    checker.assert_nothing_indexed_twice()
    fates = Counter(checker.fates(published).values())
    assert fates.total() == corpus.DOCUMENTS
    assert fates[Fate.DEAD_LETTERED] == 0
    assert fates[Fate.INDEXED] >= corpus.DOCUMENTS - len(held(checker, published))


def held(checker: Checker, published: list[Version]) -> list[str]:
    """Documents in quarantine; each must be one that was written to get there."""
    names = [key.document_id for (key, _), fate in checker.fates(published).items() if fate is Fate.QUARANTINED]
    for name in names:
        written = corpus.source_bytes(name).lower()  # with what a reader does not see
        assert b"private key" in written or b"ignore" in written or b"instructions" in written, name
    return names


def test_index_rows_are_the_chunks_of_what_is_current(checker: Checker, published: list[Version]) -> None:
    checker.assert_index_holds_what_is_current()
    current = checker.current()
    served = {(key, event.document_version) for key, event in current.items() if not event.erased}
    indexed = {version for version, fate in checker.fates(published).items() if fate is Fate.INDEXED}
    assert indexed <= served
    assert all(current[key].chunk_count > 0 for key, _ in indexed)


@pytest.mark.usefixtures("published")
def test_command_answers_with_a_verbatim_citation(live: LiveStack) -> None:
    row = corpus.questions()["questions"][0]
    answer = live.cli_json("ask", row["question"], "--tenant", row["tenant_id"])
    assert answer["answered"]
    assert row["answer_contains"] in corpus.collapsed(answer["text"])
    quotes = [each["quote"] for each in answer["citations"] if each["document_id"] in row["expected_documents"]]
    assert quotes
    assert all(corpus.stands_in(quote, row["expected_documents"][0]) for quote in quotes)


@pytest.mark.usefixtures("published")
def test_quotes_stand_in_their_source_and_labelled_questions_find_it(live: LiveStack) -> None:
    rows = corpus.questions()["questions"]
    cited, contents, strange = 0, {}, []
    for row in rows:
        answer = ask(live, row)
        who = corpus.caller_of(row)
        for citation in answer["citations"]:
            name, start, end = citation["document_id"], citation["span"]["start"], citation["span"]["end"]
            # Word for word in the file where file and text are one; else the served text is compared below.
            plain = corpus.documents()[name]["path"].endswith((".md", ".txt")) if name in corpus.documents() else False
            if plain and not corpus.stands_in(citation["quote"], name):
                strange.append((row["id"], name, citation["quote"]))
            if name not in contents:
                with live.client("query", who) as client:
                    contents[name] = client.get(f"/v1/documents/{name}/content").raise_for_status().text
            assert contents[name][start:end] == citation["quote"]
            assert hashlib.sha256(citation["quote"].encode()).hexdigest() == citation["quote_sha256"]
        cited += bool({each["document_id"] for each in answer["citations"]} & set(row["expected_documents"]))
    assert strange == [], "\n".join(map(str, strange))
    print(f"{cited} of {len(rows)} labelled questions cite an expected document")
    assert cited >= ANSWERED_SHARE_MIN * len(rows)


@pytest.mark.usefixtures("published")
def test_nobody_is_shown_what_they_may_not_see(live: LiveStack) -> None:
    documents, rows = corpus.documents(), [row for section in corpus.questions().values() for row in section]
    for row in rows:
        wide = {"question": row["question"], "limit": 50 if "forbidden_documents" in row else 8}
        with live.client("query", corpus.caller_of(row)) as client:
            bodies = [
                client.post("/v1/answers", json={"question": row["question"]}).raise_for_status().json(),
                client.post("/v1/search", json=wide).raise_for_status().json(),
            ]
        shown = {each["document_id"] for each in (*bodies[0]["citations"], *bodies[1]["results"])}
        # Other tests on the same stack leave documents of their own, all of harbour's office.
        labels = {name: documents.get(name, OF_OTHER_TESTS) for name in shown}
        assert [name for name, each in labels.items() if not corpus.may_see(row, each)] == [], row["id"]
        assert not shown & set(row.get("forbidden_documents", ())), row["id"]
        if secret := row.get("must_not_contain"):
            assert secret not in corpus.collapsed(json.dumps(bodies, ensure_ascii=False)), row["id"]


def test_forbidden_questions_would_be_answered_for_somebody_who_may(
    live: LiveStack, checker: Checker, published: list[Version]
) -> None:
    """Otherwise the test above could pass because nothing is found at all."""
    fates = checker.fates(published)
    indexed = {key.document_id for (key, _), fate in fates.items() if fate is Fate.INDEXED}
    found = 0
    rows = [row for row in corpus.questions()["forbidden"] if set(row["forbidden_documents"]) <= indexed]
    for row in rows:
        document = corpus.documents()[row["forbidden_documents"][0]]
        who = Who(document["tenant_id"], 3, tuple(document["groups"]))
        with live.client("query", who) as client:
            results = client.post("/v1/search", json={"question": row["question"]}).raise_for_status().json()["results"]
        found += any(each["document_id"] == document["document_id"] for each in results)
    assert rows
    assert found == len(rows)


@pytest.fixture
def updates(live: LiveStack, tmp_path: Path) -> Iterator[list[Path]]:
    """Folders with the newer version of some documents; the samples' own versions are current again afterwards."""
    entries = corpus.manifest()["updates"]
    yield [corpus.folder_with(each, tmp_path / "new" / each["document_id"]) for each in entries]
    originals = [corpus.documents()[each["document_id"]] for each in entries]
    folders = [corpus.folder_with(each, tmp_path / "old" / each["document_id"]) for each in originals]
    versions_of(live.cli_json("publish", *map(str, folders)))


@pytest.mark.usefixtures("published")
def test_new_version_replaces_the_old_answer(live: LiveStack, checker: Checker, updates: list[Path]) -> None:
    before = {key: event.document_version for key, event in checker.current().items()}
    versions = versions_of(live.cli_json("publish", *map(str, updates)))
    checker.assert_each_ended_once(versions)
    for entry, (key, version) in zip(corpus.manifest()["updates"], versions, strict=True):
        assert version > before[key]
        body = ask(live, {**entry, "groups": entry["groups"]})
        text = corpus.collapsed(json.dumps(body, ensure_ascii=False))
        assert entry["new_answer"] in text
        assert entry["old_answer"] not in text
        cited = {each["document_version"] for each in body["citations"] if each["document_id"] == key.document_id}
        assert cited == {version}
    checker.assert_index_holds_what_is_current()


def test_erased_document_is_gone_until_a_newer_version_comes(
    live: LiveStack, checker: Checker, published: list[Version]
) -> None:
    row = next(each for each in corpus.questions()["questions"] if each["expected_documents"] == [HOME_WORKING])
    old = dict(published)[DocumentKey("harbour", HOME_WORKING)]
    assert HOME_WORKING in {each["document_id"] for each in ask(live, row)["citations"]}

    erased = live.cli_json("erase", HOME_WORKING, "--tenant", "harbour")
    assert erased["erased"]
    assert_gone(live, checker, row)

    key = DocumentKey("harbour", HOME_WORKING)
    for version in (old + 1, erased["document_version"] - 1, erased["document_version"]):
        refused = send(live, HOME_WORKING, b"# Home\n\nPeople may work remotely every day.\n", version=version)
        assert refused.status_code == 409, "an erased version is refused at the door"
    assert_gone(live, checker, row)

    newer = put(live, HOME_WORKING, b"# Home working\n\nOffice people can work remotely up to six days a month.\n")
    assert newer > erased["document_version"]
    checker.assert_each_ended_once([(key, newer)])
    assert "up to six days a month" in ask(live, row)["text"]
    assert status_of(live, HOME_WORKING, Who("harbour", 3)) | {"chunk_count": 1} == {
        "document_id": HOME_WORKING, "state": "INDEXED", "document_version": newer, "chunk_count": 1,
    }  # fmt: skip


def assert_gone(live: LiveStack, checker: Checker, row: dict[str, Any]) -> None:
    """No answer, no result, no page, no row; the status says so."""
    assert HOME_WORKING not in {each["document_id"] for each in ask(live, row)["citations"]}
    with live.client("query", Who("harbour", 3, ("hr", "board", "finance"))) as client:
        found = client.post("/v1/search", json={"question": row["question"], "limit": 50}).raise_for_status().json()
        assert HOME_WORKING not in {each["document_id"] for each in found["results"]}
        assert client.get(f"/v1/documents/{HOME_WORKING}").status_code == 404
        assert client.get(f"/v1/documents/{HOME_WORKING}/content").status_code == 404
    assert [each for each in checker.rows() if each.document_id == HOME_WORKING] == []
    assert status_of(live, HOME_WORKING, Who("harbour", 3))["state"] == "ERASED"


def test_audit_log_has_one_entry_for_each_action(live: LiveStack, checker: Checker, published: list[Version]) -> None:
    row = corpus.questions()["questions"][1]
    with live.client("query", corpus.caller_of(row)) as client:
        answers = [client.post("/v1/answers", json={"question": row["question"]}) for _ in range(3)]
    entries = checker.assert_audit_log_is_whole()
    for version, fate in checker.fates(published).items():
        steps = checker.steps_of(version, entries)
        wanted = STEPS if fate is Fate.INDEXED else ("document.ingested", "document.quarantined")
        assert {step: steps[step] for step in wanted} == dict.fromkeys(wanted, 1), version
        assert steps["document.indexed"] == (fate is Fate.INDEXED)
    by_id = {each.event_id: each for each in entries}
    for answer in answers:
        entry = by_id[answer.json()["answer_id"]]
        assert (entry.action, entry.service, entry.tenant_id) == ("query.answered", "query", row["tenant_id"])
        assert entry.output_sha256 == hashlib.sha256(answer.content).digest()
    assert len({answer.json()["answer_id"] for answer in answers}) == len(answers)


@pytest.mark.usefixtures("published")
def test_every_file_of_a_working_stack_is_its_owners_only(live: LiveStack) -> None:
    assert live.exposed_files() == []


def test_erasure_is_an_event_like_any_other(checker: Checker) -> None:
    erased = [
        each for each in checker.read("documents.indexed.v1") if getattr(each, "operation", "") == Operation.ERASE
    ]
    entries = checker.entries()
    for event in erased:
        version = (DocumentKey(event.tenant_id, event.document_id), event.document_version)  # type: ignore[union-attr]
        steps = checker.steps_of(version, entries)
        assert steps["document.erased"] == 1
        if event.source == "query":  # type: ignore[union-attr]
            assert steps["document.erasure_requested"] == 1
