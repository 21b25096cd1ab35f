"""The examples do what the README says, word for word."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from support.checker import within
from support.live import LiveStack

from staithe.cli.local import Who

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
SETTLE_SECONDS_MAX = 60.0


def code_of(example: str) -> str:
    """An example without its docstring."""
    return (EXAMPLES / example).read_text().split('"""', 2)[2].strip()


def run(live: LiveStack, *command: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, cwd=REPOSITORY, env={**live.environment, **more}, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip


def wait_indexed(live: LiveStack, document_id: str) -> None:
    with live.client("ingestion", Who("harbour")) as client:
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while client.get(f"/v1/documents/{document_id}/status").json()["state"] != "INDEXED":
            assert time.monotonic() < deadline, f"{document_id} was not indexed"
            time.sleep(0.2)


@pytest.mark.parametrize("example", ["ask.py", "python_source.py"])
def test_readme_shows_the_example_as_it_is(example: str) -> None:
    assert code_of(example) in (REPOSITORY / "README.md").read_text()


def test_python_source_publishes_what_ask_then_cites(live: LiveStack, tmp_path: Path) -> None:
    note = tmp_path / "lighthouse.md"
    note.write_text("# Lighthouse key\n\nThe key of the old lighthouse hangs behind the harbour master's barometer.\n")
    script = str(EXAMPLES / "python_source.py")
    published = run(live, sys.executable, script, str(note), "text/markdown", "harbour", "example-source")
    assert published.returncode == 0, published.stderr
    assert published.stdout.startswith(b"documents.submitted.v1 [")
    wait_indexed(live, "example-source")
    token = live.cli("token", "--tenant", "harbour").stdout.strip()
    question = "Where does the key of the old lighthouse hang?"
    answered = run(live, sys.executable, str(EXAMPLES / "ask.py"), question, STAITHE_TOKEN=token)
    assert answered.returncode == 0, answered.stderr
    assert b"  example-source version" in answered.stdout


def test_source_that_sends_an_unsupported_type_learns_it_from_the_status(live: LiveStack, tmp_path: Path) -> None:
    archive = tmp_path / "archive.zip"
    archive.write_bytes(b"PK\x03\x04")
    script = str(EXAMPLES / "python_source.py")
    published = run(live, sys.executable, script, str(archive), "application/zip", "harbour", "example-refused")
    assert published.returncode == 0, published.stderr
    with live.client("ingestion", Who("harbour")) as client:
        assert within(60, lambda: _status(client, "example-refused") == ("DEAD_LETTERED", ["CONTENT_TYPE_UNSUPPORTED"]))


def _status(client: httpx.Client, document_id: str) -> tuple[str, list[str]]:
    status = client.get(f"/v1/documents/{document_id}/status").json()
    return status["state"], status.get("reason_codes", [])


def test_framed_record_begins_with_confluents_frame(live: LiveStack) -> None:
    file = str(REPOSITORY / "samples/harbour/faq/it-helpdesk-faq.md")
    script = str(EXAMPLES / "frame_record.py")
    framed = run(live, sys.executable, script, file, "text/markdown", "harbour", "example-framed")
    assert framed.returncode == 0, framed.stderr
    assert framed.stdout[:1] == b"\x00"
    assert Path(file).read_bytes() in framed.stdout


def test_curl_example_runs_to_its_end(live: LiveStack, tmp_path: Path) -> None:
    command = tmp_path / "staithe"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m staithe.cli "$@"\n')
    command.chmod(0o700)
    ran = run(live, "bash", str(EXAMPLES / "curl.sh"), STAITHE=str(command), PATH=os.environ["PATH"])
    assert ran.returncode == 0, ran.stderr
    assert b"Reception hands it out." in ran.stdout
    assert b'"status":"accepted"' in ran.stdout
