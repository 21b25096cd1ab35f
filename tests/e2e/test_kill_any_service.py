"""kill -9 of anything while documents are under way: nothing lost, nothing doubled, everything answers again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from support import corpus
from support.checker import STEPS, Checker, Version, versions_of, within
from support.live import REPOSITORY, SERVICES, LiveStack

from staithe.kernel.stream.tail import Tail
from staithe.stack.fates import DocumentKey, Fate
from staithe.stack.identities import OPERATOR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

WATCHED = {
    "ingestion": "documents.ingested.v1", "sanitization": "documents.sanitized.v1", "embedding": "chunks.embedded.v1",
    "indexing": "documents.indexed.v1", "audit": "audit.events.v1", "query": "documents.ingested.v1",
    "keys": "documents.ingested.v1",
}  # fmt: skip
"""Where to see that a service is in the middle of its work (for query and keys: that the pipeline is)."""
SEEN_MIN = 3
ASKED = 10
ANSWERED: set[str] = set()
"""The questions answered before anything was killed: the same ones must be answered ever after."""
ORPHAN_SECONDS_MAX = 5.0
AGAIN_SECONDS_MAX = 120.0


@contextmanager
def watching(checker: Checker, topic: str) -> Iterator[Tail]:
    tail = Tail(checker.local.access(OPERATOR), [topic], from_beginning=False)
    yield tail
    tail.close()


def wait_for_records(tail: Tail, count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while count > 0:
        count -= len(tail.poll(0.05))
        assert time.monotonic() < deadline, "nothing moves"


def publishing(live: LiveStack, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "staithe.cli", "publish", "samples", "--json", *options], cwd=REPOSITORY,
        env=live.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill(pid: int) -> list[psutil.Process]:
    """kill -9 of one process; returns the children that it had."""
    children = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    return children


def restarts(live: LiveStack, name: str) -> int:
    return {str(row["process"]): int(row["restarts"]) for row in live.wait_ready(AGAIN_SECONDS_MAX)}[name]


def assert_all_is_well(live: LiveStack, checker: Checker, versions: list[Version]) -> None:
    """What must hold after any crash, judged by the checker alone."""
    assert len({key for key, _ in versions}) == len(versions) == corpus.DOCUMENTS
    checker.assert_each_ended_once(versions)
    checker.assert_nothing_indexed_twice()
    checker.assert_index_holds_what_is_current()
    entries = checker.assert_audit_log_is_whole()
    for version, fate in checker.fates(versions).items():
        steps = checker.steps_of(version, entries)
        wanted = STEPS if fate is Fate.INDEXED else ("document.ingested", "document.quarantined")
        assert {step: steps[step] for step in wanted} == dict.fromkeys(wanted, 1), version
    assert_questions_are_answered(live, versions)


def ask(live: LiveStack, row: dict[str, Any]) -> dict[str, Any]:
    with live.client("query", corpus.caller_of(row)) as client:
        answer: dict[str, Any] = (
            client.post("/v1/answers", json={"question": row["question"]}).raise_for_status().json()
        )
    return answer


def assert_questions_are_answered(live: LiveStack, versions: list[Version]) -> None:
    newest = dict(versions)
    answers = {row["id"]: (row, ask(live, row)) for row in corpus.questions()["questions"][:ASKED]}
    answered = {name for name, (_, answer) in answers.items() if answer["answered"]}
    if not ANSWERED:
        ANSWERED.update(answered)
    assert len(ANSWERED) >= ASKED / 2
    assert answered == ANSWERED
    for row, answer in answers.values():
        for each in answer["citations"]:
            assert each["document_version"] == newest[DocumentKey(row["tenant_id"], each["document_id"])]


@pytest.fixture(scope="module", autouse=True)
def baseline(live: LiveStack, checker: Checker) -> None:
    assert_all_is_well(live, checker, versions_of(live.cli_json("publish", "samples")))


@pytest.mark.parametrize("service", SERVICES)
def test_service_killed_while_documents_are_published(live: LiveStack, checker: Checker, service: str) -> None:
    before, pid = restarts(live, service), live.pid_of(service)
    with watching(checker, WATCHED[service]) as tail:
        publisher = publishing(live)
        wait_for_records(tail, SEEN_MIN, 60)
    children = kill(pid)
    assert publisher.poll() is None, "everything had settled before the kill: it proved nothing"
    printed, complaint = publisher.communicate(timeout=240)
    assert publisher.returncode == 0, complaint
    assert restarts(live, service) > before
    assert live.pid_of(service) != pid
    assert within(ORPHAN_SECONDS_MAX, lambda: not any(child.is_running() for child in children))
    assert_all_is_well(live, checker, versions_of(json.loads(printed)))


def test_broker_killed_while_documents_are_under_way(live: LiveStack, checker: Checker) -> None:
    before, pid = restarts(live, "broker"), live.pid_of("broker")
    with watching(checker, WATCHED["ingestion"]) as tail:
        publisher = publishing(live, "--no-wait")
        wait_for_records(tail, SEEN_MIN, 60)
    printed, complaint = publisher.communicate(timeout=60)
    kill(pid)
    assert publisher.returncode == 0, complaint
    versions = versions_of(json.loads(printed))
    assert within(AGAIN_SECONDS_MAX, lambda: live.state()["processes"]["broker"]["restarts"] > before)
    fates = checker.fates(versions, AGAIN_SECONDS_MAX + 60)
    assert None not in fates.values()
    live.wait_ready(AGAIN_SECONDS_MAX)
    assert_all_is_well(live, checker, versions)


def test_killed_supervisor_leaves_no_orphan_and_the_next_start_has_everything(
    live: LiveStack, checker: Checker
) -> None:
    versions = versions_of(live.cli_json("publish", "samples"))
    assert_all_is_well(live, checker, versions)
    family = live.family()
    assert len(family) >= len(SERVICES) + 4
    live.kill()
    assert within(ORPHAN_SECONDS_MAX, lambda: not any(process.is_running() for process in family)), [
        process for process in family if process.is_running()
    ]
    assert live.cli("status").returncode == 1
    live.start()
    assert_all_is_well(live, checker, versions)
