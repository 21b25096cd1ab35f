"""From a sentence in an answer back to a signed entry, on a real stack, by the command and by the page's program."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import corpus
from support.checker import within
from support.live import REPOSITORY, LiveStack

from staithe.vectors.model.pins import model_digest
from staithe.vectors.store import MilvusAddress, MilvusConnection, collection_name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PROVEN_SECONDS_MAX = 60.0
PAGE = REPOSITORY / "docs" / "verify-without-staithe.md"


@pytest.fixture(scope="module")
def answered(live: LiveStack) -> tuple[dict[str, Any], bytes]:
    """The first labelled question that gets citations, and the answer's very bytes."""
    live.cli_json("publish", "samples")
    for row in corpus.questions()["questions"]:
        with live.client("query", corpus.caller_of(row)) as client:
            body = client.post("/v1/answers", json={"question": row["question"]}).raise_for_status().content
        if json.loads(body)["citations"]:
            return row, body
    raise AssertionError("no question is answered")


@pytest.fixture(scope="module")
def files(live: LiveStack, answered: tuple[dict[str, Any], bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the evidence as `staithe audit prove` prints it, and the answer."""
    folder, body = tmp_path_factory.mktemp("evidence"), answered[1]
    proofs: list[str] = []

    def proven() -> bool:
        answer = live.cli("audit", "prove", json.loads(body)["answer_id"])
        proofs.append(answer.stdout)
        return answer.returncode == 0

    assert within(PROVEN_SECONDS_MAX, proven)
    (folder / "bundle.json").write_text(proofs[-1])
    (folder / "answer.json").write_bytes(body)
    return folder


def page_program(folder: Path) -> Path:
    program = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (folder / "evidence.py").write_text(program, encoding="utf-8")
    return folder / "evidence.py"


def test_evidence_of_an_answer_verifies_offline_down_to_the_bytes_of_the_source(live: LiveStack, files: Path) -> None:
    report = live.cli_json("audit", "verify", str(files / "bundle.json"), "--answer", str(files / "answer.json"))
    assert (report["ok"], report["answer_checked"]) == (True, True)
    answer = json.loads((files / "answer.json").read_bytes())
    assert len(report["citations"]) == len(answer["citations"])
    for cited, shown in zip(answer["citations"], report["citations"], strict=True):
        assert shown["document_version"] == cited["document_version"]
        assert shown["content_sha256"] == corpus.source_sha256(cited["document_id"])


def test_caller_fetches_the_evidence_and_nobody_else_does(
    live: LiveStack, answered: tuple[dict[str, Any], bytes], files: Path, tmp_path: Path
) -> None:
    row, body = answered
    answer, who = json.loads(body), corpus.caller_of(row)
    path = f"/v1/evidence/{answer['answer_id']}"
    with live.client("query", who) as client:
        response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.json()["salt"] == answer["salt"]
    (tmp_path / "fetched.json").write_bytes(response.content)
    report = live.cli_json("audit", "verify", str(tmp_path / "fetched.json"), "--answer", str(files / "answer.json"))
    assert report["answer_checked"]
    for other in (
        replace(who, subject="somebody-else"),
        replace(who, tenant="millrace"),
        replace(who, tenant="harbour"),
    ):
        if other != who:
            with live.client("query", other) as client:
                assert client.get(path).status_code in {404, 409}


def test_program_of_the_page_agrees(live: LiveStack, files: Path) -> None:
    program = page_program(files)
    command = [sys.executable, "-I", program, files / "bundle.json", live.paths.audit_log_vkey, files / "answer.json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_another_answer_and_a_changed_bundle_are_refused(live: LiveStack, files: Path, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_bytes((files / "answer.json").read_bytes() + b"\n")
    answer = live.cli("audit", "verify", str(files / "bundle.json"), "--answer", str(tmp_path / "answer.json"))
    assert answer.returncode == 1
    changed = (files / "bundle.json").read_text().replace("document_version", "document_versiom", 1)
    (tmp_path / "bundle.json").write_text(changed)
    assert live.cli("audit", "verify", str(tmp_path / "bundle.json")).returncode == 1


def test_evidence_of_an_erased_document_still_verifies(
    live: LiveStack, answered: tuple[dict[str, Any], bytes], files: Path, tmp_path: Path
) -> None:
    row, body = answered
    answer = json.loads(body)
    document_id = answer["citations"][0]["document_id"]
    live.cli_json("erase", document_id, "--tenant", row["tenant_id"])
    again = live.cli("audit", "prove", answer["answer_id"])
    assert again.returncode == 0, again.stderr
    (files / "again.json").write_text(again.stdout)
    assert live.cli_json("audit", "verify", str(files / "again.json"), "--answer", str(files / "answer.json"))["ok"]
    assert answer["citations"][0]["quote"] not in again.stdout
    # Other tests ask for it: a newer version brings it back.
    live.cli_json("publish", str(corpus.folder_with(corpus.documents()[document_id], tmp_path / "again")))


def test_witness_cosigns_the_running_log_and_verify_asks_for_it(live: LiveStack) -> None:
    look = live.cli("audit", "witness", "--once")
    assert look.returncode == 0, look.stderr
    key = live.paths.witness / "witness.vkey"
    assert live.cli_json("audit", "verify", "--witness-key", str(key))["ok"]
    assert live.cli("audit", "witness", "--once").returncode == 0


def test_answer_that_was_never_given_has_no_evidence(live: LiveStack) -> None:
    answer = live.cli("audit", "prove", "018bcfe5-6809-7000-8000-000000000009")
    assert answer.returncode == 1
    assert "no such answer" in answer.stderr


def test_scrub_finds_a_row_that_somebody_changed(live: LiveStack, answered: tuple[dict[str, Any], bytes]) -> None:
    assert live.cli_json("audit", "scrub")["ok"]
    row, body = answered
    document_id = json.loads(body)["citations"][0]["document_id"]
    connection = MilvusConnection(MilvusAddress(uri=f"http://127.0.0.1:{live.ports.of('milvus')}"))
    name, chosen = collection_name(model_digest()), f'document_id == "{document_id}" and ordinal == 0'
    [kept] = connection.call(
        lambda client: client.query(name, filter=chosen, output_fields=["*"], consistency_level="Strong"), place="test"
    )
    for changed in ({**kept, "text_sha256": "0" * 64}, kept):
        connection.call(lambda client, row=changed: client.upsert(name, [row]), place="test")
        report = json.loads(live.cli("audit", "scrub", "--json").stdout)
        assert report["ok"] == (changed is kept)
        assert [(each["tenant_id"], each["document_id"]) for each in report["faults"]] == (
            [] if changed is kept else [(row["tenant_id"], document_id)]
        )
    connection.close()
